"""How fast one process hands tasks to the broker, each confirmed: `python -m benchmarks.publish_confirmed`.

Our publisher, called by some threads at once and by one with many messages, against `apply_async` of stock Celery with
`confirm_publish`, in a loop and by as many threads. All send the same no-op to the same durable quorum queue on a
private RabbitMQ. Rounds are interleaved; printed are the medians and the ratios with their bootstrap intervals.
"""

import random
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import pika
from celery import Celery
from kombu import Exchange, Queue

from app.broker import names, topology
from app.broker.address import resolve_broker
from app.broker.message import TaskMessage
from app.broker.publisher import Confirmation, Publisher
from app.contract import load_contract
from loadtests.analysis.interval import ratio
from loadtests.local.rabbitmq import RabbitMQNode

ROOT = Path(__file__).parent.parent
PATIENCE = 30.0
STOCK = "apply_async, one thread"


def ours_by_threads(publisher: Publisher, queue: str, pool: ThreadPoolExecutor, count: int) -> None:
    def one(_: int) -> None:
        publisher.publish(TaskMessage(str(uuid.uuid4()), "noop", queue), PATIENCE)

    list(pool.map(one, range(count)))


def ours_together(publisher: Publisher, queue: str, count: int) -> None:
    messages = [TaskMessage(str(uuid.uuid4()), "noop", queue) for _ in range(count)]
    assert all(isinstance(each, Confirmation) for each in publisher.publish_many(messages, PATIENCE))


def stock_app(url: str, queue: str) -> Celery:
    """Celery as it comes, but for the confirms; the queue is declared already."""
    app = Celery(broker=url)
    app.conf.broker_transport_options = {"confirm_publish": True}
    app.conf.task_ignore_result = True
    app.conf.task_queues = [Queue(queue, Exchange(names.TASKS, "topic"), queue, no_declare=True)]
    return app


@click.command()
@click.option("--messages", type=click.IntRange(100), default=4000, show_default=True)
@click.option("--rounds", type=click.IntRange(3), default=5, show_default=True)
@click.option("--threads", type=click.IntRange(2), default=16, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The order within each round is drawn from it.")
def main(messages: int, rounds: int, threads: int, seed: int) -> None:
    """Publish the same tasks in turn by each way."""
    contract = load_contract(ROOT / "stack.yml")
    queue = contract.queue_of("noop")
    rng = random.Random(seed)  # noqa: S311
    with (
        tempfile.TemporaryDirectory(prefix="warren-") as folder,
        RabbitMQNode(Path(folder) / "node", contract) as node,
        ThreadPoolExecutor(threads) as pool,
    ):
        connection = pika.BlockingConnection(pika.URLParameters(node.url()))
        channel = connection.channel()
        topology.declare(channel, contract)
        publisher = Publisher(resolve_broker({"CELERY_BROKER_URL": node.url()}), contract)
        stock = stock_app(node.url(), queue)

        def send(_: int) -> None:
            stock.send_task("noop", queue=queue)

        ways: dict[str, Callable[[], object]] = {
            f"publisher, {threads} threads": lambda: ours_by_threads(publisher, queue, pool, messages),
            "publisher, all together": lambda: ours_together(publisher, queue, messages),
            f"apply_async, {threads} threads": lambda: list(pool.map(send, range(messages))),
            STOCK: lambda: [send(number) for number in range(messages)],
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        try:
            for number in range(rounds + 1):
                for name in rng.sample(list(ways), len(ways)):
                    began = time.perf_counter()
                    ways[name]()
                    if number:  # the first round only connects and warms up
                        rates[name].append(messages / (time.perf_counter() - began))
                    arrived = channel.queue_purge(queue).method.message_count
                    assert arrived == messages, f"{name}: {arrived} of {messages} messages arrived"
                if number:
                    told = ", ".join(f"{name} {each[-1]:,.0f}/s" for name, each in rates.items())
                    click.echo(f"round {number}: {told}")
        finally:
            publisher.close()
            stock.close()
            connection.close()
    for name, each in rates.items():
        found = ratio(each, rates[STOCK], "messages a second")
        versus = "" if name == STOCK else f"; ÷ {STOCK}: {found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
        click.echo(f"{name}: median {statistics.median(each):,.0f}/s{versus}")


if __name__ == "__main__":
    main()
