"""What a dead letter says of itself, and which of them a selection takes."""

from datetime import datetime

import pika
import pytest

from app.broker.dead_letter import Selection, read_letter

DEATHS = [
    {"queue": "fast", "reason": "delivery_limit", "count": 2, "time": datetime(2026, 1, 2), "exchange": "tasks"},
    {"queue": "celery_delayed_3", "reason": "expired", "count": 1, "time": datetime(2025, 1, 1)},
]


def letter(**headers: object):  # type: ignore[no-untyped-def]
    return read_letter(pika.BasicProperties(correlation_id="one", headers=headers), b"[[], {}, {}]")


def test_the_latest_death_counts() -> None:
    # A task with a countdown "died" in each delay queue on its way.
    read = letter(**{"x-death": DEATHS, "task": "noop", "warren": {"run": "r", "scheduled": "1.5"}})
    assert (read.id, read.task, read.queue, read.reason, read.count) == ("one", "noop", "fast", "delivery_limit", 2)
    assert (read.time, read.run, read.body) == (1767312000.0, "r", "[[], {}, {}]")


def test_a_message_of_any_making_can_be_read() -> None:
    assert read_letter(pika.BasicProperties(), b"\xff").id is None
    odd = letter(
        **{"x-death": "odd", "warren": 3, "when": datetime(2026, 1, 2), "raw": b"\xff", "deep": {"a": [1, None]}}
    )
    assert (odd.queue, odd.run) == (None, None)
    assert odd.headers["when"] == 1767312000.0
    assert odd.headers["deep"] == {"a": [1, None]}


@pytest.mark.parametrize(
    ("selection", "takes"),
    [
        (Selection(), True),
        (Selection(ids=frozenset({"one", "two"})), True),
        (Selection(ids=frozenset({"two"})), False),
        (Selection(task="noop"), True),
        (Selection(task="noop", queue="io"), False),
        (Selection(ids=frozenset({"one"}), reason="rejected"), False),
        (Selection(run="r"), False),
    ],
)
def test_a_selection_takes_what_fits_every_criterion(selection: Selection, takes: bool) -> None:
    assert selection.takes(letter(**{"x-death": DEATHS, "task": "noop"})) is takes
