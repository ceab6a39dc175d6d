"""The consumer: declares the topology before it reads from it, prefetches what stack.yml says, and gives up clearly."""

import logging
import time
from typing import Any

from amqp.exceptions import AccessRefused, AMQPError, NotAllowed, PreconditionFailed
from celery.exceptions import WorkerShutdown
from celery.worker import consumer as stock

from app.broker import topology
from app.worker import delayed

log = logging.getLogger(__name__)

BAD_INPUT = 2
NOT_READY_PAUSE = 1.0  # seconds


class Consumer(stock.Consumer):
    """Celery's consumer for one pool of stack.yml (`app.worker_context.pool`)."""

    class Blueprint(stock.Consumer.Blueprint):
        """Celery's steps but one: at each connect it visits every broker's address for the delayed delivery, while
        the tasks that it has prefetched wait, and a broker that does not answer takes its time thrice. See `connect`.
        """

        default_steps = tuple(name for name in stock.Consumer.Blueprint.default_steps if "delayed_delivery" not in name)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._declared_delayed = False
        # Celery knows multiples of the concurrency only.
        self.initial_prefetch_count = self.app.worker_context.pool.prefetch
        for step in self.steps:
            if isinstance(step, stock.Tasks):
                # For classic queues Celery would ask for one prefetch for the whole channel; RabbitMQ 4.3 denies it.
                step.qos_global = lambda _consumer: False

    @property
    def max_prefetch_count(self) -> int:
        """Deliveries in hand at most."""
        return self.app.worker_context.pool.prefetch

    def connect(self) -> Any:
        """Connect and declare everything, so that no message can arrive where nothing is bound yet."""
        if self.app.worker_context.stop.begun:
            raise WorkerShutdown(0)
        connection = None
        try:
            connection = super().connect()
            with connection.channel() as channel:
                topology.declare(_Declaring(channel), self.app.worker_context.contract)
                delayed.declare(channel, self.app, again=self._declared_delayed)
                self._declared_delayed = True
        except AMQPError as error:
            if connection is not None:
                connection.collect()
            if useless := self._useless(error):
                log.critical("%s", useless)
                raise WorkerShutdown(BAD_INPUT) from error
            # A broker that is just coming up: its streams and quorum queues take longer than its port.
            log.warning("the broker is not ready: %s", error)
            time.sleep(NOT_READY_PAUSE)
            raise
        return connection

    def _useless(self, error: AMQPError) -> str | None:
        """Why connecting again would be of no use, and what to change; None when it may help."""
        if isinstance(error, PreconditionFailed):
            return (
                f"{error}. A queue or exchange of that name exists with other arguments, and they cannot be changed: "
                "drain and delete it, or set stack.yml back to what it was"
            )
        # Later on it means that the broker has not loaded its users and vhosts yet.
        if isinstance(error, AccessRefused | NotAllowed) and self.restart_count == 0:
            return f"the broker refuses us: {error}. Check user, password, vhost and rights at {self.conninfo.as_uri()}"
        return None


class _Declaring:
    """py-amqp's channel with the calls that `topology.declare` makes."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def exchange_declare(self, exchange: str, exchange_type: str, durable: bool) -> Any:
        return self._channel.exchange_declare(exchange, exchange_type, durable=durable, auto_delete=False)

    def queue_declare(self, queue: str, durable: bool, arguments: dict[str, Any]) -> Any:
        return self._channel.queue_declare(queue, durable=durable, auto_delete=False, arguments=arguments)

    def queue_bind(self, queue: str, exchange: str, routing_key: str) -> Any:
        return self._channel.queue_bind(queue, exchange, routing_key)
