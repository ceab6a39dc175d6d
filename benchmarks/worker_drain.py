"""How fast workers empty a queue: `python -m benchmarks.worker_drain`. Ours against one stock `celery worker -c 2`.

No-op messages wait in a durable quorum queue on a private RabbitMQ; the workers acknowledge late. Counted is the time
from when nine tenths are left until one tenth is, so neither the start of a process nor its prefetch window counts.
Rounds are interleaved; printed are the medians and the ratio with its bootstrap interval.
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pika

from app.broker import topology
from app.broker.address import resolve_broker
from app.broker.message import TaskMessage
from app.broker.publisher import Publisher, PublishError
from app.contract import Contract, load_contract
from loadtests.analysis.interval import ratio
from loadtests.local.child import die_with_parent
from loadtests.local.rabbitmq import RabbitMQNode

ROOT = Path(__file__).parent.parent
BATCH = 1000
LONGEST = 120.0  # seconds for one round
STOP = 15.0


def commands(contract: Contract, queue: str) -> dict[str, list[list[str]]]:
    """The two ways to run workers for a queue, each a list of processes."""
    pool = next(name for name, each in contract.pools.items() if queue in each.queues)
    count = contract.pools[pool].process_count(os.cpu_count() or 1)
    ours = [[sys.executable, "-m", "app", "worker", pool, "--index", str(index)] for index in range(count)]
    stock = [sys.executable, "-m", "celery", "-A", "benchmarks.stock_worker", "worker", "-c", "2", "-l", "WARNING"]
    return {"warren": ours, "stock": [stock]}


@contextmanager
def running(processes: list[list[str]], environment: dict[str, str], log: Path) -> Iterator[None]:
    """The processes, as long as the context lasts."""
    children: list[subprocess.Popen[bytes]] = []
    with log.open("ab") as output:
        try:
            for command in processes:
                child = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
                children.append(child)
            yield
        finally:
            for child in children:
                child.terminate()
            for child in children:
                try:
                    child.wait(STOP)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


def fill(publisher: Publisher, queue: str, count: int) -> None:
    """Publish that many no-op messages, each confirmed."""
    for start in range(0, count, BATCH):
        some = [TaskMessage(str(uuid.uuid4()), "noop", queue) for _ in range(min(BATCH, count - start))]
        failed = [each for each in publisher.publish_many(some, timeout=60) if isinstance(each, PublishError)]
        if failed:
            raise click.ClickException(f"publishing failed: {failed[0]}")


def drain(url: str, queue: str, count: int) -> float:
    """Messages a second between nine and one tenth left."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    began: float | None = None
    deadline = time.monotonic() + LONGEST
    try:
        channel = connection.channel()
        while time.monotonic() < deadline:
            left = channel.queue_declare(queue, passive=True).method.message_count
            now = time.monotonic()
            if began is None and left <= 0.9 * count:
                began, at_start = now, left
            if began is not None and left <= 0.1 * count:
                return float((at_start - left) / (now - began))
            time.sleep(0.01)
    finally:
        connection.close()
    raise click.ClickException(f"{queue} was not empty after {LONGEST:.0f} s")


@click.command()
@click.option("--messages", type=click.IntRange(1000), default=10_000, show_default=True)
@click.option("--rounds", type=click.IntRange(3), default=5, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The order within each round is drawn from it.")
def main(messages: int, rounds: int, seed: int) -> None:
    """Empty a queue in turn by our workers and by a stock one."""
    contract = load_contract(ROOT / "stack.yml")
    queue = contract.queue_of("noop")
    ways = commands(contract, queue)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    rng = random.Random(seed)  # noqa: S311
    with tempfile.TemporaryDirectory(prefix="warren-") as name, RabbitMQNode(Path(name) / "node", contract) as node:
        folder, url = Path(name), node.url()
        environment = os.environ | {
            "CELERY_BROKER_URL": url,
            "STOCK_BROKER": url,
            "STACK_FILE": str(ROOT / "stack.yml"),
        }
        environment |= {"WARREN_DATA_DIR": str(folder / "data")}
        connection = pika.BlockingConnection(pika.URLParameters(url))
        topology.declare(connection.channel(), contract)
        connection.close()
        publisher = Publisher(resolve_broker({"CELERY_BROKER_URL": url}), contract)
        try:
            for number in range(1, rounds + 1):
                for way in rng.sample(list(ways), len(ways)):
                    fill(publisher, queue, messages)
                    with running(ways[way], environment, folder / "workers.log"):
                        rates[way].append(drain(url, queue, messages))
                        _empty(url, queue)
                click.echo(f"round {number}: " + ", ".join(f"{way} {each[-1]:,.0f}/s" for way, each in rates.items()))
        except click.ClickException:
            click.echo((folder / "workers.log").read_text(errors="replace")[-2000:], err=True)
            raise
        finally:
            publisher.close()
    found = ratio(rates["warren"], rates["stock"], "messages a second")
    for way, each in rates.items():
        click.echo(f"{way}: median {statistics.median(each):,.0f}/s of {len(ways[way])} process(es)")
    click.echo(f"warren ÷ stock: {found.value:.2f} [{found.low:.2f}, {found.high:.2f}], {rounds} interleaved rounds")


def _empty(url: str, queue: str) -> None:
    """Wait until nothing is left, so that the next round starts from nothing."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        while channel.queue_declare(queue, passive=True).method.message_count:
            time.sleep(0.05)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
