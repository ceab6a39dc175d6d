"""A stack that is not ours, by its broker alone: publish Celery messages with confirms, follow Celery's task events.

How far that goes: the publisher's side is measured as with a front end, without HTTP. What becomes of a task is known
when its workers send events (`celery worker -E`); a worker's `received` and `started` are then its own clock's. Workers
without events leave only what was confirmed and how deep the queue is. There is no ledger of dead letters.
"""

import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import gevent
from amqp.exceptions import AMQPError, NotFound
from celery import Celery
from celery.events import EventReceiver
from gevent.event import Event
from kombu import Connection
from kombu.exceptions import OperationalError

from loadtests.generator.parts import Part

log = logging.getLogger(__name__)

TIMEOUT = 10.0
STATES = {"task-succeeded": "success", "task-failed": "failure", "task-revoked": "revoked", "task-rejected": "rejected"}
FINAL = frozenset({"success", "failure", "revoked"})
ERRORS = (OperationalError, AMQPError, OSError)


class BrokerUnusable(Exception):
    """The broker or its queue cannot be used; the text says why."""


def celery_app(url: str) -> Celery:
    """Only for making messages and reading events; it sends nothing by itself."""
    app = Celery("warren-load", broker=url, set_as_current=False)
    app.conf.update(
        broker_transport_options={"confirm_publish": True},
        broker_connection_timeout=TIMEOUT,
        event_queue_exclusive=True,  # newer brokers deny transient queues that others may use
        task_always_eager=False,
    )
    return app


class Link:
    """One connection to the broker, of one sender."""

    def __init__(self, url: str, queue: str) -> None:
        self._app, self._queue = celery_app(url), queue
        self._connection: Connection = self._app.connection_for_write()
        self._channel: Any = None

    def depth(self) -> tuple[int, int]:
        """Ready messages and consumers. Raises BrokerUnusable, also when there is no such queue."""
        try:
            if self._channel is None:
                self._channel = self._connection.default_channel
            found = self._channel.queue_declare(self._queue, passive=True)
            return found.message_count, found.consumer_count
        except NotFound as error:
            raise BrokerUnusable(
                f"there is no queue {self._queue!r} on that broker; start its workers first"
            ) from error
        except ERRORS as error:
            self._channel = None
            raise BrokerUnusable(f"the broker cannot be used: {error}") from error

    def publish(self, task_id: str, task: str, args: list[Any], kwargs: dict[str, Any]) -> tuple[float, float]:
        """Publish and wait for the confirm: the instants of both, epoch seconds. Raises one of ERRORS."""
        message = self._app.amqp.as_task_v2(task_id, task, tuple(args), kwargs)
        producer = self._connection.Producer(serializer="json", auto_declare=False)
        published = time.time()
        producer.publish(
            message.body,
            exchange="",
            routing_key=self._queue,
            headers=message.headers,
            delivery_mode=2,
            confirm_timeout=TIMEOUT,
            **message.properties,
        )
        return published, time.time()

    def close(self) -> None:
        self._connection.release()


class EventFollower:
    """Follows tasks of one run (their ids begin with its name) by Celery's events. Speaks as Follower does."""

    def __init__(self, url: str, run: str, part: Part, on_task: Callable[[dict[str, Any]], None]) -> None:
        self._app, self._run, self._part, self._on_task = celery_app(url), run, part, on_task
        self._seen: dict[str, dict[str, Any]] = {}
        self.ready = Event()
        self.events = 0
        self.accounted: set[str] = set()
        self.unknown: set[str] = set()
        self.news = time.monotonic()

    def follow(self) -> None:
        """Without end. A broker that is away is asked again; events of that time are lost: nobody keeps them."""
        while True:
            try:
                with self._app.connection_for_read() as connection:
                    receiver = EventReceiver(connection, handlers={"*": self._on_event}, app=self._app)
                    with receiver.consumer_context(wakeup=False) as (found, _, _):
                        self.ready.set()
                        while True:
                            try:
                                found.drain_events(timeout=0.2)
                            except (TimeoutError, socket.timeout):  # noqa: UP041  kombu raises either
                                gevent.sleep(0)
            except ERRORS as error:
                log.warning("events: %s", error)
                gevent.sleep(1.0)

    def stop(self) -> None:
        """Nothing: it goes on reading while the run drains."""

    def read(self, wait: float) -> int:
        """Give the reading greenlet its time."""
        gevent.sleep(wait)
        return 0

    def settled(self) -> int:
        """How many accepted tasks are accounted for."""
        return len(self.accounted) - len(self.accounted & self.unknown)

    def dead_letters(self) -> list[dict[str, Any]]:
        """Not known here."""
        return []

    def _on_event(self, event: dict[str, Any]) -> None:
        task_id = event.get("uuid", "")
        if not task_id.startswith(self._run):
            return
        self.events += 1
        kind, at = event["type"], event["timestamp"]
        seen = self._seen.setdefault(task_id, {"attempt": 1})
        if kind == "task-received":
            seen |= {"received": at, "task": event.get("name"), "attempt": int(event.get("retries") or 0) + 1}
        elif kind == "task-started":
            seen["started"] = at
        elif kind in STATES:
            self._ended(task_id, STATES[kind], at, event)

    def _ended(self, task_id: str, state: str, at: float, event: dict[str, Any]) -> None:
        seen = self._seen.pop(task_id, {})
        record = {"id": task_id, "run": self._run, "task": seen.get("task"), "queue": None, "scheduled": None}
        record |= {"received": seen.get("received"), "started": seen.get("started"), "finished": at, "state": state}
        record |= {"worker": event.get("hostname"), "attempt": seen.get("attempt", 1), "redelivered": False}
        self._part.write(record | {"known": round(time.time(), 6)})
        self.news = time.monotonic()
        if state in FINAL and task_id not in self.accounted:
            self.accounted.add(task_id)
            if state != "revoked":
                self._on_task(record)


def watch_depth(part: Part, link: Link, queue: str, every: float = 1.0) -> None:
    """Without end: the depth of the queue."""
    while True:
        try:
            messages, consumers = link.depth()
            part.write({"ts": time.time(), "name": queue, "messages": messages, "consumers": consumers})
        except BrokerUnusable as error:
            log.info("depth: %s", error)
        gevent.sleep(every)
