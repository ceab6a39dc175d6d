"""Sends one task to the front end and says what became of the request."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from locust import FastHttpUser

from loadtests.generator.outcome import ACCEPTED, UNKNOWN, outcome, parse
from loadtests.generator.pacing import Due


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
