"""What measuring a task costs a worker: the same no-op tasks, measured and not, in turns, on a private RabbitMQ.

    .venv/bin/python benchmarks/records_cost.py [--tasks 6000] [--rounds 8] [--pool fast]

Both kinds wait in the queue before the worker may read it, so nobody publishes while it works. Printed for each round:
tasks a second, and the processor time of the worker for one task, which a busy machine disturbs less. At the end the
ratios measured/unmeasured with their 95 % intervals (Student's t on the logarithms of the pairs).
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import psutil
from scipy import stats

from app.broker.message import TaskMessage
from app.broker.publisher import Confirmation, Publisher
from app.broker.url import BrokerAddress, parse_url
from app.celery_app import create_app
from app.contract import Contract, load_contract
from app.settings import Settings
from loadtests.local.rabbitmq import RabbitMQNode

ROOT = Path(__file__).parent.parent
PATIENCE = 120.0

Drained = tuple[float, float]


class Worker:
    """One worker process that reads its queue only when told to."""

    def __init__(self, address: BrokerAddress, contract: Contract, pool: str, folder: Path) -> None:
        env = os.environ | {
            "STACK_FILE": str(ROOT / "stack.yml"),
            "CELERY_BROKER_URL": address.url,
            "WARREN_DATA_DIR": str(folder),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app", "worker", pool], cwd=ROOT, env=env, stderr=subprocess.DEVNULL
        )
        self._app = create_app(contract, Settings(warren_data_dir=folder), address)
        self._queue = contract.pools[pool].queues[0]
        self._channel = self._app.connection_for_read().channel()
        self._tell("ping")

    def drain(self, publisher: Publisher, tasks: int, run: str | None) -> tuple[float, float]:
        """Tasks a second, and processor seconds a task, for so many no-ops that wait already."""
        self._tell("cancel_consumer", queue=self._queue)
        messages = [TaskMessage(str(uuid.uuid4()), "noop", self._queue, run=run, scheduled=0.0) for _ in range(tasks)]
        outcomes = publisher.publish_many(messages, PATIENCE)
        assert all(isinstance(outcome, Confirmation) for outcome in outcomes)
        began, used = time.perf_counter(), self._used()
        self._tell("add_consumer", queue=self._queue)
        while self._waiting():
            time.sleep(0.01)
            assert time.perf_counter() - began < PATIENCE, "the worker does not work"
        rate = tasks / (time.perf_counter() - began)
        time.sleep(0.5)  # the last records are on their way
        return rate, (self._used() - used) / tasks

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(PATIENCE)

    def _used(self) -> float:
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def _waiting(self) -> int:
        return self._channel.queue_declare(self._queue, passive=True).message_count

    def _tell(self, command: str, **arguments: str) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if self._app.control.broadcast(command, arguments=arguments, reply=True, timeout=1, limit=1):
                return
        raise TimeoutError(f"the worker does not answer {command}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--pool", default="fast")
    options = parser.parse_args()
    contract = load_contract(ROOT / "stack.yml")
    with tempfile.TemporaryDirectory() as folder, RabbitMQNode(Path(folder) / "broker", contract) as node:
        address = parse_url(node.url(), "the private node")
        worker = Worker(address, contract, options.pool, Path(folder) / "data")
        publisher = Publisher(address, contract)
        try:
            worker.drain(publisher, options.tasks, None)  # warm-up
            pairs = [_pair(worker, publisher, options.tasks, number) for number in range(options.rounds)]
        finally:
            publisher.close()
            worker.stop()
    for name, index in (("tasks a second", 0), ("processor time a task", 1)):
        logs = [math.log(measured[index] / plain[index]) for plain, measured in pairs]
        low, high = stats.t.interval(0.95, len(logs) - 1, loc=statistics.mean(logs), scale=stats.sem(logs))
        ratio = math.exp(statistics.mean(logs))
        print(f"{name}, measured/unmeasured: {ratio:.3f}  (95 %: {math.exp(low):.3f} to {math.exp(high):.3f})")


def _pair(worker: Worker, publisher: Publisher, tasks: int, number: int) -> tuple[Drained, Drained]:
    # Who goes first alternates, so that what drifts hits both alike.
    found = {run: worker.drain(publisher, tasks, run) for run in ((None, "run") if number % 2 else ("run", None))}
    for name, (rate, used) in (("unmeasured", found[None]), ("measured", found["run"])):
        print(f"round {number + 1}: {name:10} {rate:7,.0f}/s  {used * 1e6:5.0f} µs", flush=True)
    return found[None], found["run"]


if __name__ == "__main__":
    main()
