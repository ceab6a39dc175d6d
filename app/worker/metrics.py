"""What a worker tells Prometheus. Read from Celery's own state when asked: a task costs nothing for it."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from celery.worker import state
from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

log = logging.getLogger(__name__)


class Counts:
    """What Celery's state does not count, by task name. Only failures and retries pay for it."""

    def __init__(self) -> None:
        self.failed: Counter[str] = Counter()
        self.retried: Counter[str] = Counter()


counts = Counts()


class WorkerCollector:
    """Numbers of one worker: its main process knows them all, whatever the pool."""

    def __init__(self, pulse: Any, pending: Callable[[], int]) -> None:
        self._pulse, self._pending = pulse, pending

    def collect(self) -> Iterator[Metric]:
        yield _by_task(CounterMetricFamily, "warren_tasks", "Tasks started, by name", state.total_count)
        yield _by_task(CounterMetricFamily, "warren_tasks_failed", "Attempts that failed, by name", counts.failed)
        yield _by_task(CounterMetricFamily, "warren_tasks_retried", "Attempts to be repeated, by name", counts.retried)
        active = Counter(request.name for request in list(state.active_requests))
        reserved = Counter(request.name for request in list(state.reserved_requests))
        yield _by_task(GaugeMetricFamily, "warren_tasks_active", "Tasks running now, by name", active)
        yield _by_task(GaugeMetricFamily, "warren_tasks_reserved", "Tasks in hand, running or waiting", reserved)
        waiting = GaugeMetricFamily("warren_tasks_scheduled", "Tasks in hand with a countdown")
        waiting.add_metric([], len(state.scheduled_requests))
        yield waiting
        age = max(0.0, time.monotonic() - self._pulse.turned)
        yield GaugeMetricFamily("warren_loop_age_seconds", "Time since the consumer loop last turned", age)
        yield GaugeMetricFamily("warren_consuming", "1 while the worker consumes", int(self._pulse.consuming))
        yield GaugeMetricFamily("warren_records_pending_bytes", "Records waiting to be sent", self._pending())


def serve(host: str, port: int, pulse: Any, pending: Callable[[], int]) -> Callable[[], None]:
    """Answer at http://host:port/metrics from a thread. Returns what ends it. OSError when the port is taken."""
    registry = CollectorRegistry()
    registry.register(WorkerCollector(pulse, pending))
    ProcessCollector(registry=registry)
    server, thread = start_http_server(port, host, registry)
    log.info("metrics at http://%s:%d/metrics", host, server.server_port)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(1)

    return stop


def _by_task(kind: Any, name: str, text: str, values: Any) -> Metric:
    family = kind(name, text, labels=["task"])
    for task, value in dict(values).items():
        family.add_metric([task], value)
    return family
