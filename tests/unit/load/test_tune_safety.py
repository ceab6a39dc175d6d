"""When a fault run tells what was lost, and when it does not."""

import pytest

from loadtests.faults.document import Outcome
from loadtests.faults.play import NOT_WHOLE
from loadtests.tune.safety import against


@pytest.mark.parametrize(
    ("reasons", "ended", "says"),
    [
        ([], 108.0, []),
        (["the generator was late"], 108.0, ["the generator was late"]),
        # Ten seconds of load, twenty of draining: at 115 its tasks still have time to come back, at 125 they have not.
        ([NOT_WHOLE], 115.0, []),
        ([NOT_WHOLE], 125.0, [NOT_WHOLE]),
        ([NOT_WHOLE], None, [NOT_WHOLE]),
    ],
)
def test_a_stack_that_came_back_in_time_is_no_reason_against_a_loss(
    reasons: list[str], ended: float | None, says: list[str]
):
    came = Outcome.model_construct(started=100.0, seconds=10.0, ended=ended, reasons=reasons)
    assert against(came, drain=20.0) == says
