"""RQ on Valkey or Redis."""

import os
from typing import Any

from redis import Redis
from rq import Queue

from benchmarks.peers import work

queue = Queue(connection=Redis.from_url(os.environ["PEERS_BROKER"]))


def noop(mark: work.Mark) -> None:
    work.noop(mark)


def sleep(seconds: float, mark: work.Mark) -> None:
    work.sleep(seconds, mark)


TASKS: dict[str, Any] = {"noop": noop, "sleep": sleep}


def send(task: str, args: list[Any], mark: work.Mark) -> None:
    queue.enqueue(TASKS[task], *args, mark, result_ttl=0)
