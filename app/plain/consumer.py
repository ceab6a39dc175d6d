"""The consuming half of the plain pair, as one process: `python -m app consumer`.

Each message is acknowledged after it was handled. One that cannot be handled is rejected and becomes a dead letter.
"""

import logging
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import click
import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ProbableAccessDeniedError, ProbableAuthenticationError

from app.broker import names, topology
from app.broker.address import resolve_broker
from app.broker.url import BrokerAddress
from app.contract import Contract, load_contract
from app.service_manager import alive, ready, waiting
from app.settings import Settings

log = logging.getLogger(__name__)

PREFETCH = 16
# Seconds between two looks at whether to stop, while no message comes.
LOOK_EVERY = 0.5
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
SHOWN = 200  # characters of a message in the log

Handle = Callable[[bytes, pika.BasicProperties], None]


class PlainConsumer:
    """Consumes until `stop` is called. `counts` says how many messages were consumed and rejected."""

    def __init__(self, address: BrokerAddress, contract: Contract, handle: Handle) -> None:
        self._address, self._contract, self._handle = address, contract, handle
        self._stopping = threading.Event()
        self.counts: Counter[str] = Counter()

    def stop(self) -> None:
        """Finish the message in hand and end; those fetched ahead go back to the broker."""
        self._stopping.set()

    def run(self) -> None:
        """Connect, again and again, ever more rarely, and consume."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                parameters = self._address.pika_parameters(self._contract)
                with pika.BlockingConnection(parameters) as connection:
                    channel = connection.channel()
                    topology.declare(channel, self._contract)
                    log.info("consuming from %s", names.PLAIN)
                    ready("consuming")
                    pause = FIRST_PAUSE
                    self._consume(channel)
            except (ProbableAuthenticationError, ProbableAccessDeniedError) as error:
                why = f"the broker at {self._address.safe} refuses us ({error!r}); check user, password and vhost"
                raise click.UsageError(why) from error
            except (AMQPError, OSError) as error:
                log.warning("broker %s: %r; again in about %.0f s", self._address.safe, error, pause)
                # Spread out, so that many consumers do not all come back in the same instant.
                waiting(LONGEST_PAUSE * 2)
                self._stopping.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311 - not a secret
                pause = min(pause * 2, LONGEST_PAUSE)

    def _consume(self, channel: BlockingChannel) -> None:
        channel.basic_qos(prefetch_count=PREFETCH)
        for method, properties, body in channel.consume(names.PLAIN, inactivity_timeout=LOOK_EVERY):
            if method is not None:
                self._one(channel, method, properties, body)
            alive()
            if self._stopping.is_set():
                break
        channel.cancel()

    def _one(self, channel: BlockingChannel, method: Any, properties: Any, body: bytes) -> None:
        try:
            self._handle(body, properties)
        except Exception:
            log.exception("message %s cannot be handled", properties.message_id)
            channel.basic_reject(method.delivery_tag, requeue=False)
            self.counts["rejected"] += 1
        else:
            channel.basic_ack(method.delivery_tag)
            self.counts["consumed"] += 1


def write_to_log(body: bytes, properties: pika.BasicProperties) -> None:
    """What this consumer does with a message. Raises UnicodeDecodeError for one that is not text."""
    text = body.decode("utf-8")
    log.info("consumed %s: %s", properties.message_id, text if len(text) <= SHOWN else text[:SHOWN] + "…")


def run_consumer(handle: Handle = write_to_log) -> int:
    """Run until SIGTERM or SIGINT."""
    settings = Settings.load()
    contract = load_contract(settings.stack_file)
    consumer = PlainConsumer(resolve_broker(os.environ), contract, handle)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: consumer.stop())
    if settings.warren_metrics_port:
        _serve_counts(settings, consumer.counts)
    began = time.monotonic()
    consumer.run()
    counts = consumer.counts
    log.info(
        "stopped: %d consumed, %d rejected in %.0f s",
        counts["consumed"],
        counts["rejected"],
        time.monotonic() - began,
    )
    return 0


def _serve_counts(settings: Settings, counts: Counter[str]) -> None:
    from prometheus_client import CollectorRegistry, start_http_server
    from prometheus_client.core import CounterMetricFamily

    class Collector:
        def collect(self) -> Any:
            family = CounterMetricFamily("warren_plain_messages", "Messages by what became of them", labels=["outcome"])
            for outcome in ("consumed", "rejected"):
                family.add_metric([outcome], counts[outcome])
            yield family

    registry = CollectorRegistry()
    registry.register(Collector())
    try:
        start_http_server(settings.warren_metrics_port, settings.warren_metrics_host, registry)
    except OSError as error:
        raise click.ClickException(
            f"metrics cannot be served at port {settings.warren_metrics_port}: {error.strerror}; "
            "choose another WARREN_METRICS_PORT"
        ) from error
