"""SIGTERM: what runs is finished, what waits goes back, nothing is lost or done twice. On every kind of pool."""

import signal
from typing import Any

import pytest


@pytest.mark.parametrize("pool", ["fast", "io", "long"])
def test_a_stopped_worker_finishes_what_runs_and_hands_back_the_rest(stack: Any, wait_until: Any, pool: str) -> None:
    def three_at_once(data: dict[str, Any]) -> None:
        data["pools"]["io"].update(concurrency=2, prefetch=4)

    stack.change(three_at_once)
    worker = stack.worker(pool)
    sent = {stack.send("sleep", 1.0, queue=pool) for _ in range(8)}
    first = stack.recorded(1)  # the next is running by now
    worker.signal(signal.SIGTERM)
    assert worker.ended() == 0
    done = stack.records()
    assert len(done) > len(first), "what ran was not finished"
    assert {record["state"] for record in done} == {"success"}
    finished = [record["id"] for record in done]
    assert len(finished) == len(set(finished)) < len(sent), "done twice, or not stopped at all"
    assert {headers["id"] for headers in stack.take(pool)} == sent - set(finished)


def test_an_idle_worker_stops_at_once_with_everything_handed_back(stack: Any) -> None:
    worker = stack.worker("io")
    sent = stack.send("add", 1, 2, queue="io", countdown=0.9)
    assert worker.stop() == 0
    done = [record["id"] for record in stack.records()]
    assert [*done, *(headers["id"] for headers in stack.take("io"))] == [sent]


def test_a_second_signal_hands_back_what_runs(stack: Any, wait_until: Any) -> None:
    worker = stack.worker("long")
    sent = stack.send("sleep", 60, queue="long")
    wait_until(lambda: stack.waiting("long") == 0, "the task is taken")
    worker.signal(signal.SIGTERM)
    worker.wait_for("stopping")
    worker.signal(signal.SIGTERM)
    worker.ended()
    assert [headers["id"] for headers in stack.take("long")] == [sent]
    assert stack.records() == [], "not ended, but handed back"


def test_a_thread_that_outlasts_the_soft_shutdown_is_handed_back(stack: Any, wait_until: Any) -> None:
    def hasty(data: dict[str, Any]) -> None:
        data["pools"]["io"]["longest_task"] = data["pools"]["fast"]["longest_task"] = "500ms"
        data["pools"]["long"].update(soft_limit="300ms", hard_limit="500ms")
        data["stop"] = {"soft_shutdown": "1s", "timeout": "2s"}

    stack.change(hasty)
    worker = stack.worker("io")
    sent = stack.send("sleep", 60, queue="io")
    wait_until(lambda: stack.waiting("io") == 0, "the task is taken")
    worker.signal(signal.SIGTERM)
    assert worker.ended() != 0
    assert "handed back" in worker.log() and sent in worker.log()
    assert [headers["id"] for headers in stack.take("io")] == [sent]


def test_a_killed_worker_loses_no_task_and_no_record(stack: Any, wait_until: Any) -> None:
    worker = stack.worker("io")
    # The short ones are over when it dies, the long ones are in its hands, however many it runs at a time.
    sent = {stack.send("sleep", seconds, queue="io") for seconds in [0.2] * 20 + [3] * 20}
    stack.recorded(3)
    worker.signal(signal.SIGKILL)
    worker.ended()
    again = stack.worker("io")
    wait_until(lambda: sent == {record["id"] for record in stack.records()}, "a record of every task")
    assert any(record["redelivered"] for record in stack.records())
    assert again.stop() == 0
    assert stack.take("io") == []


def test_a_worker_told_to_stop_as_the_broker_goes_away_ends(stack: Any, rabbit: Any) -> None:
    worker = stack.worker("fast")
    # Both at once: it wakes to a signal and a broken connection.
    worker.signal(signal.SIGSTOP)
    worker.signal(signal.SIGTERM)
    rabbit.kill()
    try:
        worker.signal(signal.SIGCONT)
        assert worker.ended() == 0
    finally:
        rabbit.start()
