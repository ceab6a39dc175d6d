"""Sends one task to the front end and says what became of the request."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from locust import FastHttpUser

from loadtests.generator.pacing import Due

# A message that may be on the broker although nobody said 202: its fate is unknown, and the ledger lists it apart.
ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"


def outcome(status: int, body: dict[str, Any]) -> str:
    """Whether the front end has the task, surely has not, or nobody knows.

    A 503 of Warren's says so itself (`sent`). 4xx are refusals before anything was published. All else, a lost
    connection (status 0) and a proxy's 5xx included, leaves it open.
    """
    if 200 <= status < 300:
        return ACCEPTED
    if 400 <= status < 500 or body.get("sent") == "no":
        return REFUSED
    return UNKNOWN


def parse(text: str | None) -> dict[str, Any]:
    """A JSON object, or an empty one when the answer is something else."""
    try:
        body = json.loads(text or "")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


class Sender(FastHttpUser):
    """One Locust user: at most one request in flight. POSTs are never repeated by the client library."""

    abstract = True
    max_retries = 0
    concurrency = 1
    network_timeout = 30.0
    connection_timeout = 10.0

    def send(self, due: Due, token: str, run: str | None, write: Callable[[dict[str, Any]], None]) -> None:
        """Send it and `write` its line for the part file. `run`: None sends an unmeasured task."""
        call, task_id = due.arrival.call, str(uuid.uuid4())
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if run:
            headers["Warren-Run"] = run
            headers["Warren-Scheduled"] = f"{due.scheduled:.6f}"
        data = json.dumps({"id": task_id, "args": call.args, "kwargs": call.kwargs})
        line: dict[str, Any] = {"id": task_id, "task": call.task, "scheduled": due.scheduled, "free": due.free}
        line |= {"sent": time.time(), "answered": None, "status": 0, "outcome": UNKNOWN}
        try:
            response: Any = self.client.post(
                f"/tasks/{call.task}", data=data, headers=headers, name=f"/tasks/{call.task}", allow_redirects=False
            )
        except BaseException as error:
            # Cut off by the end of the test: the line is written all the same.
            line["error"] = type(error).__name__
            write(line)
            raise
        status = response.status_code or 0
        body = parse(response.text) if status else {}
        line |= {"answered": time.time(), "status": status, "outcome": outcome(status, body)}
        line |= {"published": body.get("published"), "confirmed": body.get("confirmed")}
        if line["outcome"] != ACCEPTED:
            line["error"] = str(body.get("detail") or response.error or f"status {status}")
        elif body.get("id"):
            line["id"] = body["id"]  # a front end that gives its own ids
        write(line)
