"""Taskiq on RabbitMQ by aio-pika, which confirms each publish and declares quorum queues by itself."""

import os
from typing import Any

from taskiq_aio_pika import AioPikaBroker

from benchmarks.peers import work

# As many deliveries as a worker process may have in hand: its 100 tasks at once and its 25 in advance (see peers.py).
broker = AioPikaBroker(os.environ["PEERS_BROKER"], qos=125)


@broker.task
async def noop(mark: work.Mark) -> None:
    work.noop(mark)


@broker.task
async def sleep(seconds: float, mark: work.Mark) -> None:
    await work.sleep_async(seconds, mark)


TASKS: dict[str, Any] = {"noop": noop, "sleep": sleep}


async def send(task: str, args: list[Any], mark: work.Mark) -> None:
    await TASKS[task].kiq(*args, mark)
