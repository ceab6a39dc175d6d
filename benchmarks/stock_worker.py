"""A Celery worker as the tutorials start it, reading the same quorum queue as ours; late acks, for the same safety."""

import os

from celery import Celery
from kombu import Exchange, Queue

from app.broker import names, topology
from app.contract import load_contract
from app.settings import Settings

contract = load_contract(Settings.load().stack_file)
app = Celery("stock", broker=os.environ["STOCK_BROKER"])
app.conf.task_acks_late = True
app.conf.task_queues = [
    Queue(
        name,
        Exchange(names.TASKS, type=topology.EXCHANGES[topology.TASKS]),
        routing_key=name,
        queue_arguments=topology.queue_arguments(contract),
    )
    for name in (contract.queue_of("noop"),)
]


@app.task(name="noop", ignore_result=True)
def noop() -> None:
    """Nothing."""
