"""The tutorials' way: a Celery app as it stands on the first page of them all, nothing set but the broker's address.

Beside it, what the measuring needs: each finished task becomes a line in a file, as Warren's own workers write one.
"""

import json
import os
import time
from typing import Any

from celery import Celery, signals

app = Celery("tasks", broker=os.environ["TUTORIAL_BROKER"])

RECORDS = os.environ["TUTORIAL_RECORDS"]
_started: dict[str, float] = {}


@app.task(name="noop")
def noop() -> None:
    """Nothing."""


@signals.task_prerun.connect
def _on_start(task_id: str, **_: Any) -> None:
    _started[task_id] = time.time()


@signals.task_postrun.connect
def _on_end(task_id: str, task: Any, state: str, **_: Any) -> None:
    started, finished = _started.pop(task_id), time.time()
    measured = task.request.get("warren")
    if not measured:
        return
    line = {"id": task_id, "run": measured["run"], "task": task.name, "queue": "celery"}
    line |= {"scheduled": measured["scheduled"], "received": None, "started": started, "finished": finished}
    line |= {"state": "success" if state == "SUCCESS" else "failure", "worker": f"tutorial-{os.getpid()}"}
    line |= {"attempt": 1, "redelivered": False}
    with open(RECORDS, "ab", buffering=0) as file:  # noqa: PTH123  appended whole: the line is short
        file.write(json.dumps(line).encode() + b"\n")
