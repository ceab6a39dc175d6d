"""The consumer: declares the topology before it reads from it, prefetches what stack.yml says, and gives up clearly."""

import logging
from typing import Any

from amqp.exceptions import AccessRefused, NotAllowed, PreconditionFailed
from celery.exceptions import WorkerShutdown
from celery.worker import consumer as stock

from app.broker import topology

log = logging.getLogger(__name__)

BAD_INPUT = 2


class Consumer(stock.Consumer):
    """Celery's consumer for one pool of stack.yml (`app.worker_context.pool`)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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
        try:
            connection = super().connect()
            with connection.channel() as channel:
                topology.declare(_Declaring(channel), self.app.worker_context.contract)
        except (AccessRefused, NotAllowed) as error:
            if self.restart_count > 0:
                # A broker that is just coming up refuses for a moment what it allowed before: connect again.
                raise ConnectionError(str(error)) from error
            self._give_up(f"the broker refuses us: {error}. Check user, password and vhost of {self.conninfo.as_uri()}")
        except PreconditionFailed as error:
            self._give_up(
                f"{error}. A queue or exchange of that name exists with other arguments; they cannot be changed: drain "
                "and delete it, or set stack.yml back to what it was"
            )
        return connection

    def _give_up(self, why: str) -> None:
        log.critical("%s", why)
        raise WorkerShutdown(BAD_INPUT)


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
