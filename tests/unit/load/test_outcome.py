"""What the answer to a request means for its task."""

import pytest

from loadtests.generator.outcome import outcome, parse


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (202, {"id": "x"}, "accepted"),
        (200, {}, "accepted"),  # front ends of others
        (404, {}, "refused"),
        (422, {}, "refused"),
        (429, {}, "refused"),
        (503, {"sent": "no"}, "refused"),
        (503, {"sent": "unknown"}, "unknown"),
        (503, {}, "unknown"),  # a proxy's own
        (502, {}, "unknown"),
        (500, {}, "unknown"),
        (0, {}, "unknown"),  # the connection broke
    ],
)
def test_outcome(status: int, body: dict, expected: str):
    assert outcome(status, body) == expected


@pytest.mark.parametrize("text", [None, "", "<html>", "[1]", "7"])
def test_an_answer_that_is_no_json_object_tells_nothing(text: str | None):
    assert parse(text) == {}
