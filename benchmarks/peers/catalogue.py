"""The peers: how each is started, in its authors' recommended settings, and where those are written."""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from app.contract import Contract

CORES = os.cpu_count() or 1  # as many worker processes has each peer, as stack.yml has `per-core`
USERS = 64  # requests of the generator in flight at once

Command = list[str]


@dataclass(frozen=True)
class Setting:
    """What was set, or left as it is, and who recommends it."""

    text: str
    source: str


@dataclass(frozen=True)
class Peer:
    """One way to run tasks. `queues`: task → its queue; `workers`: what runs a task's queue, a command a process."""

    name: str
    title: str
    module: str
    queues: Callable[[Contract], dict[str, str]]
    workers: Callable[[Contract, str], list[Command]]
    safety: str
    settings: tuple[Setting, ...]
    packages: tuple[str, ...]
    front: Literal["wsgi", "asgi", "warren"] = "wsgi"
    consumers: int = CORES  # of a queue, once all workers are there
    default_queue_type: str = ""  # of its vhost in RabbitMQ
    appendfsync: str = ""  # of its Valkey; without, it uses RabbitMQ
    notes: tuple[str, ...] = ()


def python(module: str, *words: str) -> Command:
    """A module of this environment."""
    return [sys.executable, "-m", module, *words]


def script(name: str, *words: str) -> Command:
    """A program of this environment."""
    return [str(Path(sys.executable).parent / name), *words]


def at_once(contract: Contract) -> int:
    """Publishing calls that one process of any front end has under way at most: its threads, or its share of users."""
    return max(1, min(contract.web.threads, USERS // contract.web.processes))


def _one(queue: str) -> Callable[[Contract], dict[str, str]]:
    return lambda _contract: {"noop": queue, "sleep": queue}


def _pools(contract: Contract, task: str) -> list[Command]:
    queue = contract.queue_of(task)
    name, pool = next((name, pool) for name, pool in contract.pools.items() if queue in pool.queues)
    return [python("app", "worker", name, "--index", str(index)) for index in range(pool.process_count())]


DRAMATIQ = "https://dramatiq.io/reference.html#dramatiq.brokers.rabbitmq.RabbitmqBroker"
RQ_WORKERS = "https://github.com/rq/rq/blob/master/docs/docs/workers.md"
TASKIQ_CLI = "https://github.com/taskiq-python/taskiq/blob/master/docs/guide/cli.md"
CELERY_FIRST = "https://docs.celeryq.dev/en/stable/getting-started/first-steps-with-celery.html"
CELERY_POOL = "https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-pool-limit"
PIKA = "https://github.com/pika/pika/blob/main/examples"


def _rq(name: str, title: str, appendfsync: Literal["always", "everysec"], safety: str, sync: str) -> Peer:
    return Peer(
        name=name,
        title=title,
        module="benchmarks.peers.rq_jobs",
        queues=_one("rq:queue:default"),
        workers=lambda _contract, _task: [
            script(
                *("rq", "worker-pool", "default", "--num-workers", str(CORES)),
                *("--worker-class", "rq.worker.SimpleWorker", "--logging-level", "WARNING"),
            )
        ],
        appendfsync=appendfsync,
        safety=f"{safety}; a killed worker's job ends among the failed ones",
        settings=(
            Setting(
                "SimpleWorker, as its authors advise for jobs of single-digit milliseconds; the default Worker "
                "forks for each job and is several times slower",
                "https://github.com/rq/rq/blob/master/docs/benchmark.md",
            ),
            Setting("a pool of a worker per core", RQ_WORKERS),
            Setting(
                "result_ttl=0: nothing is kept, as with the others",
                "https://github.com/rq/rq/blob/master/docs/docs/results.md",
            ),
            Setting(f"Valkey or Redis with appendonly yes, {sync}", "https://valkey.io/topics/persistence/"),
        ),
        packages=("rq", "redis"),
        notes=("each worker runs one job at a time",),
    )


def _floor(contract: Contract) -> Command:
    """With as many tasks at once as we have."""
    io = contract.pools["io"]
    return python("benchmarks.peers.pika_plain", str(io.concurrency), str(io.prefetch))


OURS = "celery-warren"
PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            name=OURS,
            title="Celery as Warren does",
            module="benchmarks.peers.celery_warren",
            queues=lambda contract: {task: contract.queue_of(task) for task in ("noop", "sleep")},
            workers=_pools,
            front="warren",
            safety="quorum queue, confirmed, late acknowledgement",
            settings=(
                Setting(
                    "everything as in stack.yml: a process per core and pool, each pool's own threads and prefetch",
                    "stack.yml",
                ),
                Setting("Warren's own front end, with its checks of names and arguments", "docs/how-it-works.md"),
            ),
            packages=("warren", "celery", "kombu", "pika"),
            notes=("its records travel through its broker as well, which costs it more than a line in a file",),
        ),
        Peer(
            name="celery-tutorial",
            title="Celery as the tutorials start it",
            module="benchmarks.peers.celery_tutorial",
            queues=_one("celery"),
            workers=lambda _contract, _task: [
                python("celery", "-A", "benchmarks.peers.celery_tutorial", "worker", "-l", "WARNING", "-c", str(CORES))
            ],
            consumers=1,
            safety="classic queue, not confirmed, acknowledged before the task runs",
            settings=(
                Setting("nothing set but the broker's address; `delay`; no result backend", CELERY_FIRST),
                Setting("prefork, a child per core (the default), prefetch 4 each (the default)", CELERY_FIRST),
                Setting("its calls share 10 connections a process: broker_pool_limit, the default", CELERY_POOL),
            ),
            packages=("celery", "kombu", "amqp"),
            notes=("less safe than the others: a crash of the worker loses the tasks that it runs",),
        ),
        Peer(
            name="dramatiq",
            title="Dramatiq",
            module="benchmarks.peers.dramatiq_actors",
            queues=_one("default"),
            workers=lambda _contract, _task: [
                script("dramatiq", "benchmarks.peers.dramatiq_actors", "--processes", str(CORES), "--threads", "8")
            ],
            default_queue_type="quorum",
            safety="quorum queue, confirmed, late acknowledgement",
            settings=(
                Setting("confirm_delivery=True, which is off by default: for the same durability", DRAMATIQ),
                Setting(
                    "a process per core, 8 threads each, prefetch 16 a process, the default middleware (the defaults)",
                    "https://dramatiq.io/guide.html#workers",
                ),
                Setting(
                    "Dramatiq names no queue type; the vhost's default type makes its queues quorum queues",
                    "https://www.rabbitmq.com/docs/vhosts#default-queue-type",
                ),
            ),
            packages=("dramatiq", "pika"),
        ),
        Peer(
            name="taskiq",
            title="Taskiq on aio-pika",
            module="benchmarks.peers.taskiq_tasks",
            queues=_one("taskiq"),
            workers=lambda _contract, _task: [
                script(
                    *("taskiq", "worker", "benchmarks.peers.taskiq_tasks:broker", "--workers", str(CORES)),
                    *("--max-prefetch", "25", "--log-level", "WARNING"),
                )
            ],
            front="asgi",
            safety="quorum queue, confirmed, late acknowledgement",
            settings=(
                Setting(
                    "quorum queue, persistent messages, confirms: the defaults",
                    "https://github.com/taskiq-python/taskiq-aio-pika",
                ),
                Setting(
                    "workers: one per core; 100 tasks at once each, acknowledged `when_saved`: the defaults",
                    TASKIQ_CLI,
                ),
                Setting(
                    "max-prefetch a quarter of the tasks at once; qos raised to 125, or the default of 10 would be all",
                    "https://github.com/taskiq-python/taskiq/issues/148",
                ),
            ),
            packages=("taskiq", "taskiq-aio-pika", "aio-pika"),
            notes=(
                "its front end is bare ASGI, which costs less than the Flask of the others: as many processes, a loop "
                "instead of threads",
                "without uvloop, which it would use if it were installed",
            ),
        ),
        _rq(
            "rq",
            "RQ, each write synced",
            "always",
            "append-only file, synced before each answer",
            "appendfsync always: for the same durability; RQ writes a dozen times for a job",
        ),
        _rq(
            "rq-everysec",
            "RQ, synced each second",
            "everysec",
            "append-only file, synced each second: a crash of the server's machine loses about that much",
            "appendfsync everysec: what Valkey and Redis suggest",
        ),
        Peer(
            name="pika",
            title="plain pika (the floor)",
            module="benchmarks.peers.pika_plain",
            queues=_one("tasks"),
            workers=lambda contract, _task: [_floor(contract)] * CORES,
            safety="quorum queue, confirmed, late acknowledgement",
            settings=(
                Setting("confirm_delivery, mandatory", f"{PIKA}/blocking_delivery_confirmations.py"),
                Setting(
                    "waiting tasks in threads, as many as our pool io has; its prefetch",
                    f"{PIKA}/basic_consumer_threaded.py",
                ),
            ),
            packages=("pika",),
            notes=("no task queue: no names, retries, limits, delays or shutdown in order",),
        ),
    )
}
