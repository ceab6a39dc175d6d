"""Sends one task straight to a broker, in the place of a request to a front end."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from loadtests.generator.broker import ERRORS, Link
from loadtests.generator.outcome import ACCEPTED, UNKNOWN
from loadtests.generator.pacing import Due

Fire = Callable[..., None]


def send(link: Link, due: Due, run: str, write: Callable[[dict[str, Any]], None], fire: Fire) -> None:
    """Publish it, `write` its line for the part file, `fire` Locust's request event. Its id begins with the run's."""
    call, task_id = due.arrival.call, f"{run}-{uuid.uuid4()}"
    line: dict[str, Any] = {"id": task_id, "task": call.task, "scheduled": due.scheduled, "free": due.free}
    line |= {"sent": time.time(), "answered": None, "status": 0, "outcome": UNKNOWN}
    failure: Exception | None = None
    try:
        published, confirmed = link.publish(task_id, call.task, call.args, call.kwargs)
        line |= {"published": published, "confirmed": confirmed, "answered": confirmed, "outcome": ACCEPTED}
    except ERRORS as error:
        # Without a confirm nobody knows whether the broker has it.
        failure = error
        line["error"] = str(error) or type(error).__name__
    finally:
        write(line)
    fire(
        request_type="publish",
        name=call.task,
        response_time=((line["answered"] or time.time()) - line["sent"]) * 1000,
        response_length=0,
        exception=failure,
        context={},
    )
