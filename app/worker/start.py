"""Starts one worker process of a pool of stack.yml."""

import logging
import os
import socket
import time
from collections.abc import Callable

import click
from celery import Celery
from celery.apps.worker import Worker

from app.broker.address import resolve_broker
from app.broker.url import BrokerAddress
from app.celery_app import create_app
from app.contract import Contract, Pool, load_contract
from app.records import hooks
from app.records.lock import ProcessLock, Taken
from app.records.shipper import Shipper
from app.records.spool import Folder, Spool
from app.settings import Settings
from app.worker import metrics
from app.worker.context import WorkerContext
from app.worker.liveness import Loop, Pulse
from app.worker.stop import Stop

log = logging.getLogger(__name__)

# The longest pause between two attempts to connect is Celery's 30 s; a broker needs a while from TCP to AMQP as well.
HUNG = 120.0
# Two lines a task would be the most expensive part of it; and pika tells each failed step of connecting at length.
LOG_LEVELS = {
    "app": logging.INFO,
    "celery.worker.strategy": logging.WARNING,
    "celery.app.trace": logging.WARNING,
    "pika": logging.CRITICAL,
}


def run_worker(pool_name: str, index: int) -> int:
    """Run until stopped; returns the exit code. Raises click.ClickException for what cannot work."""
    settings = Settings.load()
    contract = load_contract(settings.stack_file)
    if pool_name not in contract.pools:
        raise click.BadParameter(f"there is no pool {pool_name!r} in {settings.stack_file}; {_choices(contract)}")
    address = resolve_broker(os.environ)
    app = create_app(contract, settings, address)
    node = f"{pool_name}-{index}@{socket.gethostname()}"
    pool = contract.pools[pool_name]
    _fit(app, pool)
    data = settings.data_folder()
    try:
        ProcessLock(data / "workers" / node)
    except Taken as error:
        raise click.ClickException(f"a worker {node} runs here already; give this one another --index") from error
    # A folder of its own for each start: what a killed predecessor left, another worker may be sending already.
    folder = Folder(data / "records" / f"{node}.{time.time_ns()}")
    spool, shipper = Spool(folder.path), Shipper(address, contract, folder)
    hooks.install(spool.append)
    pulse = _pulse(settings, contract, address, pool)
    app.worker_context = WorkerContext(contract, pool, pulse, Stop(contract.stop.soft_shutdown, pulse.stopping))
    app.steps["consumer"].add(Loop)
    worker = _worker(app, node, pool)
    pulse.start()
    shipper.start()
    end_metrics = _metrics(settings, pulse, shipper)
    try:
        worker.start()
    finally:
        spool.close()
        shipper.stop()
        pulse.stop()
        end_metrics()
    return worker.exitcode or 0


def _choices(contract: Contract) -> str:
    return "there is " + ", ".join(contract.pools)


def _fit(app: Celery, pool: Pool) -> None:
    """The settings that differ from pool to pool."""
    limits = {"task_soft_time_limit": pool.soft_limit, "task_time_limit": pool.hard_limit}
    children = {
        "worker_max_memory_per_child": pool.max_memory and pool.max_memory // 1024,  # Celery wants KiB
        "worker_max_tasks_per_child": pool.max_tasks,
    }
    app.conf.update({"worker_pool": pool.kind, "worker_concurrency": pool.concurrency} | limits | children)


def _worker(app: Celery, node: str, pool: Pool) -> Worker:
    for name, level in LOG_LEVELS.items():
        logging.getLogger(name).setLevel(level)
    return app.Worker(
        hostname=node,
        queues=list(pool.queues),
        loglevel="INFO",
        quiet=True,
        optimization="fair",
        # Workers need to know nothing of each other; their greetings are what misses heartbeats at start.
        without_gossip=True,
        without_mingle=True,
    )


def _pulse(settings: Settings, contract: Contract, address: BrokerAddress, pool: Pool) -> Pulse:
    # A solo pool's loop stands still while a task runs, for longest_task at most. For all others a heartbeat's time is
    # very long already.
    stalled = contract.broker.heartbeat + (pool.longest if pool.kind == "solo" else 0)
    return Pulse(address.hosts, settings.warren_heartbeat_file, stalled, max(HUNG, 4 * contract.broker.heartbeat))


def _metrics(settings: Settings, pulse: Pulse, shipper: Shipper) -> Callable[[], None]:
    if not settings.warren_metrics_port:
        return lambda: None
    try:
        return metrics.serve(settings.warren_metrics_host, settings.warren_metrics_port, pulse, shipper.pending)
    except OSError as error:
        raise click.ClickException(
            f"metrics cannot be served at {settings.warren_metrics_host}:{settings.warren_metrics_port}: "
            f"{error.strerror}; choose another WARREN_METRICS_PORT"
        ) from error
