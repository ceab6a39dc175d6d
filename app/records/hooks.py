"""Where an attempt of a measured task begins and ends, in whichever process runs it.

A task is measured when its message has the header `warren`: {"run": …, "scheduled": epoch seconds}. For all others
these hooks cost one look into a dictionary. Each ending becomes a line

    {"id", "run", "task", "queue", "scheduled", "received", "started", "finished", "state", "worker", "attempt",
     "redelivered"}

with times in epoch seconds (null: never got there), `attempt` counting from 1, and `state` one of success, failure,
retry, rejected, revoked, expired.
"""

import time
from collections.abc import Callable
from json.encoder import encode_basestring_ascii as quote
from typing import Any

from celery import signals

HEADER = "warren"
# Celery's name for how an attempt ended → ours. An ignored task is done as far as its message is concerned.
STATES = {
    "SUCCESS": "success",
    "IGNORED": "success",
    "FAILURE": "failure",
    "RETRY": "retry",
    "REJECTED": "rejected",
    "REVOKED": "revoked",
}

_append: Callable[[bytes], None] | None = None


def install(append: Callable[[bytes], None]) -> None:
    """From now on, hand each line to `append`, in this process and those it forks."""
    global _append
    _append = append
    signals.task_postrun.connect(_on_end, weak=False)


def mark(request: dict[str, Any]) -> dict[str, Any] | None:
    """What marks a request as measured, if it does. It travels with the request to the process that runs it."""
    measured = request.get(HEADER)
    # It comes from outside.
    return measured if measured and isinstance(measured, dict) else None


def started(task: Any) -> None:
    """An attempt begins now. Called by our base task: a signal for it would cost each task ten times as much."""
    if measured := mark(task.request.__dict__):
        measured["started"] = time.time()


def _on_end(task: Any, state: str | None, **_: Any) -> None:
    request = task.request.__dict__
    # No state: the process was told to end while the task ran. The main process knows what becomes of that.
    if state in STATES and (measured := mark(request)):
        ended(request, task.name, STATES[state], measured.get("started"))


def ended(request: dict[str, Any], task: str, state: str, started: float | None) -> None:
    """Write the line of one attempt that ended now. `request` holds the message's headers and what Celery adds."""
    measured = mark(request)
    if not measured or _append is None:
        return
    delivery = request.get("delivery_info") or {}
    # After a delay the routing key has the delay's bits in front.
    queue = (delivery.get("routing_key") or "").rpartition(".")[2]
    line = (
        f'{{"id":{quote(request["id"])},"run":{quote(str(measured.get("run")))},"task":{quote(task)},'
        f'"queue":{quote(queue)},"scheduled":{_time(measured.get("scheduled"))},'
        f'"received":{_time(measured.get("received"))},"started":{_time(started)},"finished":{time.time():.6f},'
        f'"state":"{state}","worker":{quote(request.get("hostname") or "")},'
        f'"attempt":{int(request.get("retries") or 0) + 1},'
        f'"redelivered":{"true" if delivery.get("redelivered") else "false"}}}\n'
    )
    _append(line.encode("ascii"))


def _time(value: Any) -> str:
    # It comes from outside, too: what is no number must not spoil the line.
    try:
        return f"{float(value):.6f}"
    except (TypeError, ValueError):
        return "null"
