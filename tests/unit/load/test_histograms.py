"""Percentiles against values computed by hand."""

import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.result import Result


def latencies(made, values: list[float]) -> Result:
    for number, seconds in enumerate(values):
        at = number / 1000
        made.send(f"t{number}", at)
        made.record(f"t{number}", at, finished=at + seconds)
    return analyse(made.close(), Asked())


def test_percentiles_are_those_of_the_sorted_list(made_run):
    values = [(number + 1) / 1000 for number in range(10_000)]  # 1 ms … 10 s, evenly
    found = latencies(made_run(), values[::-1]).latency["scheduled_to_finished"]
    assert found.count == 10_000
    assert found.p50 == pytest.approx(5.0, rel=2e-3)
    assert found.p90 == pytest.approx(9.0, rel=2e-3)
    assert found.p95 == pytest.approx(9.5, rel=2e-3)
    assert found.p99 == pytest.approx(9.9, rel=2e-3)
    assert found.p999 == pytest.approx(9.99, rel=2e-3)
    assert found.max == pytest.approx(10.0)


def test_a_stall_of_two_seconds_shows_in_full(made_run):
    """100 tasks a second for 100 s; everything stands still from second 50 to 52. An honest percentile knows it.

    200 tasks were due while it stood; they waited 2 s, 1.99 s, … 0.01 s. So 2 % of the tasks are slow: p99
    is the middle of them, 1 s, and p99.9 leaves the worst ten: 1.9 s. A generator that waits for answers would have
    sent one task in the stall and reported p99 as 6 ms.
    """
    made = made_run()
    for number in range(10_000):
        at = number / 100
        sent = 52.0 if 50.0 <= at < 52.0 else at
        made.send(f"t{number}", at, free=sent, sent=sent, published=sent, confirmed=sent, answered=sent + 0.001)
        made.record(f"t{number}", at, received=sent, started=sent, finished=sent, known=sent)
    result = analyse(made.close(), Asked())
    found = result.latency["scheduled_to_finished"]
    assert found.p50 == pytest.approx(0.0, abs=1e-5)
    assert found.p99 == pytest.approx(1.0, abs=0.02)
    assert found.p999 == pytest.approx(1.9, abs=0.02)
    assert found.max == pytest.approx(2.0, abs=1e-3)
    # All senders were held up by the stack: that is no fault of the generator.
    assert result.valid
    assert result.self_check.waited == 200


@pytest.mark.parametrize(
    ("count", "told"), [(19, []), (20, ["p50"]), (200, ["p50", "p90", "p95"]), (1000, ["p50", "p90", "p95", "p99"])]
)
def test_too_few_tasks_give_no_percentile_but_a_reason(made_run, count: int, told: list[str]):
    found = latencies(made_run(), [0.01] * count).latency["scheduled_to_finished"]
    for name in ("p50", "p90", "p95", "p99", "p999"):
        assert (getattr(found, name) is not None) == (name in told)
        assert (name in found.reasons) == (name not in told)
    assert "it takes 10,000" in found.reasons["p999"]


def test_failures_count_but_tasks_that_never_finished_cannot(made_run):
    made = made_run()
    made.tasks(30)
    made.send("failed", 0.5)
    made.record("failed", 0.5, state="failure")
    made.send("lost", 0.6)
    assert analyse(made.close(), Asked()).latency["scheduled_to_finished"].count == 31
