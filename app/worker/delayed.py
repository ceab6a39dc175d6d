"""Delayed delivery: a countdown waits in the broker, not in a worker. Celery's way, on the worker's own connection."""

from types import SimpleNamespace
from typing import Any

from amqp.exceptions import NotFound
from celery import Celery
from kombu.transport import native_delayed_delivery as kombu_delayed


def declare(channel: Any, app: Celery, again: bool) -> None:
    """Declare what countdowns need and bind the app's queues to it; nothing for classic queues.

    `again`: this worker has done so before. Then what is there is left alone: each of the 28 queues would ask its
    leader, which may be on the broker that was just lost.
    """
    kind = app.conf.broker_native_delayed_delivery_queue_type
    if kind != "quorum":
        return
    # kombu wants a connection, and opens a channel of it that nobody closes.
    connection: Any = SimpleNamespace(channel=lambda: channel)
    if not (again and _is_there(channel)):
        kombu_delayed.declare_native_delayed_delivery_exchanges_and_queues(connection, kind)
    for queue in app.amqp.queues.values():
        kombu_delayed.bind_queue_to_native_delayed_delivery_exchange(connection, queue)


def _is_there(channel: Any) -> bool:
    """By the exchange that is declared last. On a channel of its own, which the broker closes when it is missing."""
    try:
        with channel.connection.channel() as own:
            own.exchange_declare(kombu_delayed.CELERY_DELAYED_DELIVERY_EXCHANGE, "topic", passive=True)
    except NotFound:
        return False
    return True
