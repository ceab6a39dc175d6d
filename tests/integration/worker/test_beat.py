"""beat: sends what stack.yml says, never twice at a time, and comes back after a crash."""

import signal
from typing import Any


def quick(data: dict[str, Any]) -> None:
    data["beat"] = {"add": {"every": "1s"}}


def test_add_is_sent_with_two_random_numbers(stack: Any, wait_until: Any) -> None:
    stack.change(quick)
    beat = stack.run("beat", role="beat")
    wait_until(lambda: stack.waiting("fast") >= 5, "five tasks")
    assert beat.stop() == 0
    sent = [headers for headers in stack.take("fast") if headers["task"] == "add"]
    arguments = {headers["argsrepr"] for headers in sent}
    assert len(sent) >= 4 and len(arguments) > 1, arguments


def test_a_second_beat_is_refused_and_a_crashed_one_leaves_nothing_in_the_way(stack: Any, wait_until: Any) -> None:
    stack.change(quick)
    first = stack.run("beat", role="beat")
    first.wait_for("Sending due task")
    second = stack.run("beat", role="beat", WARREN_DATA_DIR=str(stack.folder / "elsewhere"))
    assert second.ended() == 1
    assert "another beat runs" in second.log() and "Traceback" not in second.log()
    first.signal(signal.SIGKILL)
    first.ended()
    third = stack.run("beat", role="beat")
    third.wait_for("Sending due task")
    assert third.stop() == 0


def test_a_beat_that_lost_its_lock_to_another_ends(stack: Any, wait_until: Any) -> None:
    """The broker dropped its connection, and another beat was quicker to come back."""
    stack.change(quick)
    first = stack.run("beat", role="beat")
    first.wait_for("Sending due task")
    first.signal(signal.SIGSTOP)
    stack.close_connections("beat")
    second = stack.run("beat", role="beat", WARREN_DATA_DIR=str(stack.folder / "elsewhere"))
    second.wait_for("Sending due task")
    first.signal(signal.SIGCONT)
    first.wait_for("another beat runs")
    first.ended()
    assert second.popen.poll() is None


def test_expired_results_are_cleared_out(stack: Any, wait_until: Any, celery: Any) -> None:
    stack.change(lambda data: data["results"].update(keep="1s"))
    stack.worker("fast")
    sent = stack.send("add", 1, 2)
    stack.recorded(1)
    assert celery.AsyncResult(sent).get(timeout=20) == 3
    name = celery.conf.beat_schedule["celery.backend_cleanup"]["task"]
    wait_until(lambda: (stack.send(name), celery.backend.get_state(sent) == "PENDING")[1], "an expired result")
