"""Celery as its first page shows it: the broker's address, tasks, `delay`; `celery -A … worker`."""

import os
from typing import Any

from celery import Celery

from benchmarks.peers import work

app = Celery("tasks", broker=os.environ["PEERS_BROKER"])


@app.task
def noop(mark: work.Mark) -> None:
    work.noop(mark)


@app.task
def sleep(seconds: float, mark: work.Mark) -> None:
    work.sleep(seconds, mark)


TASKS: dict[str, Any] = {"noop": noop, "sleep": sleep}


def send(task: str, args: list[Any], mark: work.Mark) -> None:
    TASKS[task].delay(*args, mark)
