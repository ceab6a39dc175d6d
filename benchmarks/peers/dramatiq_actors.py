"""Dramatiq on RabbitMQ, waiting for the broker's confirm. Its queues are quorum queues by the vhost's default type."""

import os
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from benchmarks.peers import work

broker = RabbitmqBroker(url=os.environ["PEERS_BROKER"], confirm_delivery=True)
dramatiq.set_broker(broker)


@dramatiq.actor
def noop(mark: work.Mark) -> None:
    work.noop(mark)


@dramatiq.actor
def sleep(seconds: float, mark: work.Mark) -> None:
    work.sleep(seconds, mark)


TASKS: dict[str, Any] = {"noop": noop, "sleep": sleep}


def send(task: str, args: list[Any], mark: work.Mark) -> None:
    TASKS[task].send(*args, mark)
