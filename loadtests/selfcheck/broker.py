"""One flow of messages, counted by our AMQP instruments and by RabbitMQ PerfTest, both ways round.

There is no sense in asking whether a Java client and Python reach the same highest rate. But a flow has one rate,
whoever counts it: PerfTest publishes and we read it off the queue's depth, as a foreign stack's is followed; then our
generator publishes and PerfTest consumes. Counts must be equal, to the message, RabbitMQ's own included.
"""

import csv
import itertools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pika

from app.contract import load_contract
from loadtests.analysis.analyse import Asked, analyse
from loadtests.bench.locust_run import Load
from loadtests.bench.verdict import judge as judge_phase
from loadtests.generator.broker import Link
from loadtests.local.rabbitmq import RabbitMQNode
from loadtests.selfcheck import instruments
from loadtests.selfcheck.document import Row
from loadtests.selfcheck.ground import PHASE, WARMUP, Ground, NotTold, ProgramFailed, child, phase

Point = tuple[float, float]

QUEUE = "selfcheck"
BOUND = 0.05
# Messages a second. Ours waits for each confirm, as a sender of a foreign stack does, and is one process.
THEIRS, OURS = 1000.0, 200.0
USERS = 16
# Seconds for Java to start, for what is under way to arrive, and for RabbitMQ to count anew.
SETTLE = 60.0
# A prefix of our own for PerfTest's options from the environment: the URL holds a password.
PREFIX = "WARREN_PERF_TEST_"


@dataclass
class Flow:
    """One flow. Rates in messages a second; `broker`: messages that RabbitMQ counted of those sent."""

    sent: int
    ours: float
    theirs: float
    counted: int
    broker: int


@dataclass
class _Broker:
    """`link`: our view of the queue; `node`: RabbitMQ's own."""

    node: RabbitMQNode
    program: list[str]
    environment: dict[str, str]
    link: Link = field(init=False)

    def __post_init__(self) -> None:
        self.link = Link(self.node.url(), QUEUE)

    def messages(self) -> int:
        """As RabbitMQ lists it."""
        said = self.node.rabbitmqctl(
            "list_queues", "-p", self.node.files.vhost, "name", "messages", "--formatter", "json"
        )
        return next(int(queue["messages"]) for queue in json.loads(said) if queue["name"] == QUEUE)


def run(ground: Ground) -> list[Row]:
    """Raises NotDone, NotTold, ProgramFailed, PhaseFailed, StackError."""
    jars = instruments.perf_test(ground.perf_test)
    repeats, seconds = (1, 6.0) if ground.short else (3, 15.0)
    published, consumed = [], []
    with _broker(ground, jars) as broker:
        for number in range(1, repeats + 1):
            published.append(_published(ground, broker, f"published-{number}", seconds))
            consumed.append(_consumed(ground, broker, f"consumed-{number}", seconds))
    return judge("PerfTest publishes", published) + judge("ours publishes", consumed)


def judge(what: str, flows: list[Flow]) -> list[Row]:
    """One row for the rates, one for the counts."""
    ours, theirs = (statistics.median(getattr(flow, side) for flow in flows) for side in ("ours", "theirs"))
    apart = ours / theirs - 1 if theirs else float("inf")
    sent, counted, broker = (sum(getattr(flow, name) for flow in flows) for name in ("sent", "counted", "broker"))
    equal = all(flow.sent == flow.counted == flow.broker for flow in flows)
    return [
        Row(what=f"{what}: messages/s", expected=f"PerfTest {theirs:,.1f}/s", seen=f"{ours:,.1f}/s ({apart:+.1%})",
            bound=f"± {BOUND:.0%}", ok=abs(apart) <= BOUND, by_clock=True),
        Row(what=f"{what}: count", expected=f"{sent:,} sent", seen=f"{counted:,}, RabbitMQ {broker:,}", bound="equal",
            ok=equal),
    ]  # fmt: skip


def middle(points: list[Point], total: int) -> float:
    """The rate over the middle three fifths of a flow's messages: however unsteady it is, both count the same ones."""
    times, counts = zip(*points, strict=True)
    begin, end = np.interp([0.2 * total, 0.8 * total], counts, times)
    return 0.6 * total / float(end - begin) if end > begin else 0.0


def each_second(file: Path, column: str) -> list[Point]:
    """PerfTest's (seconds, messages a second). Raises ProgramFailed."""
    try:
        with file.open(encoding="utf-8", newline="") as opened:
            return [(float(row["time (s)"]), float(row[f"{column} (msg/s)"] or 0)) for row in csv.DictReader(opened)]
    except (OSError, KeyError, ValueError) as error:
        raise ProgramFailed(f"PerfTest's figures cannot be read: {file}: {error}") from error


def steady(rates: list[Point]) -> list[float]:
    """Without the first and last second of the flow, which it did not fill."""
    flowing = itertools.dropwhile(lambda rate: not rate, (rate for _, rate in rates))
    return [rate for rate in flowing if rate][1:-1]


def summed(rates: list[Point]) -> list[Point]:
    """(seconds, messages until then)."""
    found = [(0.0, 0.0)]
    for at, rate in rates:
        before, count = found[-1]
        found.append((at, count + rate * (at - before)))
    return found


def _published(ground: Ground, broker: _Broker, name: str, seconds: float) -> Flow:
    """PerfTest publishes with confirms; we watch how the queue grows."""
    total, out = round(THEIRS * seconds), ground.folder / f"{name}.csv"
    points: list[Point] = []

    def look() -> None:
        depth, _ = broker.link.depth()
        points.append((time.time(), float(depth)))

    words = ["-x", "1", "-y", "0", "-f", "persistent", "-s", "300", "-c", "100"]
    words += ["-r", f"{THEIRS:.0f}", "-C", str(total), "-o", str(out)]
    ground.program(name, [*broker.program, *words], seconds, broker.environment, look)
    counted, _ = broker.link.depth()
    points.append((time.time(), float(counted)))
    theirs = middle(summed(each_second(out, "confirmed")), total)
    flow = Flow(total, middle(points, total), theirs, counted, _settled(broker, total))
    _empty(broker)
    return flow


def _consumed(ground: Ground, broker: _Broker, name: str, seconds: float) -> Flow:
    """Our generator publishes with confirms; PerfTest consumes, and ends by itself after the last message."""
    total, out = round(OURS * (seconds + WARMUP)), ground.folder / f"{name}.csv"
    log = ground.folder / f"{name}.log"
    words = ["-x", "0", "-y", "1", "-q", "100", "-D", str(total), "-z", str(round(seconds + 60)), "-o", str(out)]
    load = Load(
        "http://broker.invalid",
        what=("--task", "noop", "--queue", QUEUE),
        users=USERS,
        seed=ground.seed,
        drain=1.0,
        environment={"WARREN_BROKER_URL": broker.node.url()},
    )
    with child([*broker.program, *words], log, broker.environment) as process:
        _until(lambda: broker.link.depth()[1] == 1, f"{name}: PerfTest does not consume; see {log}")
        # Late or not: what was sent is one flow, and both count it.
        results = ground.load(name, load, phase(seconds, OURS))
        _until(lambda: process.poll() is not None, f"{name}: PerfTest did not see {total:,} messages; see {log}")
    sent, ours = analyse(results, Asked()).ledger.accepted, judge_phase(results, PHASE, OURS).done
    theirs = steady(each_second(out, "received"))
    if len(theirs) < 3 or not ours:
        raise NotTold(f"{name}: PerfTest was not seen consuming for long enough")
    left, _ = broker.link.depth()
    ended = "Consumer reached message limit" in log.read_text(errors="replace")
    counted = total + left if ended else 0
    return Flow(sent, ours, statistics.mean(theirs), counted, sent - _settled(broker, 0))


@contextmanager
def _broker(ground: Ground, jars: Path) -> Iterator[_Broker]:
    """A RabbitMQ of our own with one queue of the contract's type."""
    contract = load_contract(ground.stack)
    ground.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="warren-") as directory:
        node = RabbitMQNode(Path(directory) / "rabbitmq", contract)
        ground.console.status("starting RabbitMQ")
        node.start()
        try:
            connection = pika.BlockingConnection(pika.URLParameters(node.url()))
            kind = {"x-queue-type": contract.broker.queue_type}
            connection.channel().queue_declare(QUEUE, durable=True, arguments=kind)
            connection.close()
            program = ["java", "-cp", f"{jars}/*", "com.rabbitmq.perf.PerfTest", "-p", "-u", QUEUE, "-mf", "compact"]
            environment = os.environ | {"RABBITMQ_PERF_TEST_ENV_PREFIX": PREFIX, f"{PREFIX}URI": node.url()}
            broker = _Broker(node, program, environment)
            yield broker
            broker.link.close()
        finally:
            node.stop()


def _settled(broker: _Broker, wanted: int) -> int:
    """What RabbitMQ lists; it counts quorum queues anew every few seconds only."""
    deadline = time.monotonic() + SETTLE
    while (found := broker.messages()) != wanted and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def _empty(broker: _Broker) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(broker.node.url()))
    connection.channel().queue_purge(QUEUE)
    connection.close()


def _until(condition: Callable[[], bool], complaint: str) -> None:
    deadline = time.monotonic() + SETTLE
    while not condition():
        if time.monotonic() > deadline:
            raise ProgramFailed(complaint)
        time.sleep(0.1)
