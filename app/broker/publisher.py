"""Publishes with confirms, many at once, over one connection a process.

Waiting for one confirm before the next publish costs a round trip, and on a quorum queue a disk write, per message.
Here any number of threads hand their message to one thread that owns the connection; it sends them as they come and
each caller waits for its own confirm only. pika's SelectConnection is that thread's loop: it keeps heartbeats, TLS and
blocked connections, and needs no lock around a socket.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import Any

import pika
import pika.exceptions
from pika.adapters.select_connection import IOLoop
from pika.channel import Channel

from app.broker.message import DELAYED, Message
from app.broker.names import TASKS
from app.broker.url import BrokerAddress
from app.contract import Contract

log = logging.getLogger(__name__)

CONNECT_TIMEOUT = 2.0
RETRY_AFTER = 0.5
# Seconds to ask the broker whether an exchange is there.
LOOK = 0.5


class PublishError(Exception):
    """The message is not known to be on the broker. The text says why."""


class NotSent(PublishError):
    """The message is surely not on the broker; sending it again cannot double it."""


class FateUnknown(PublishError):
    """The message left this process and no confirm came; sending it again may make the task run twice."""


@dataclass(frozen=True)
class Confirmation:
    """When the message was handed to the connection and when the broker's confirm came, in epoch seconds."""

    published: float
    confirmed: float


@dataclass
class _Waiting:
    message: Message
    route: tuple[str, str]
    body: bytes
    properties: pika.BasicProperties
    future: "Future[Confirmation]"
    published: float = 0.0


class Publisher:
    """One a process, shared by its threads. Connects in the background from the first use on, again and again."""

    def __init__(self, address: BrokerAddress, contract: Contract, confirms: bool = True) -> None:
        """`confirms`: False, only to measure what they cost: what was written to the connection counts as confirmed."""
        self._confirms = confirms
        self._parameters = address.pika_parameters(contract, timeout=CONNECT_TIMEOUT)
        self._loop: IOLoop | None = None
        self._connection: Any = None
        self._channel: Channel | None = None
        self._thread: threading.Thread | None = None
        self._start_lock = threading.Lock()
        self._ready = threading.Event()
        self._closing = threading.Event()
        self._waiting: deque[_Waiting] = deque()
        self._woken = False
        self._unconfirmed: dict[int, _Waiting] = {}
        self._next_tag = 1
        self._delays = threading.Event()
        self._trouble = "not connected yet"
        self.blocked: str | None = None

    @property
    def connected(self) -> bool:
        """True while messages can be sent: connected, and the exchange is there."""
        return self._ready.is_set()

    @property
    def trouble(self) -> str:
        """Why it is not connected, for people."""
        return self._trouble

    def publish(self, message: Message, timeout: float) -> Confirmation:
        """Publish and wait for the broker's confirm, `timeout` seconds at most. Raises NotSent or FateUnknown."""
        deadline = time.monotonic() + timeout
        return self._settle(self._hand_over(message, deadline), deadline)

    def publish_many(self, messages: Iterable[Message], timeout: float) -> list[Confirmation | PublishError]:
        """Publish all and wait for all confirms together. One outcome a message, in the same order."""
        deadline = time.monotonic() + timeout
        handed: list[Future[Confirmation] | PublishError] = []
        for message in messages:
            try:
                handed.append(self._hand_over(message, deadline))
            except NotSent as error:
                handed.append(error)
        outcomes: list[Confirmation | PublishError] = []
        for each in handed:
            try:
                outcomes.append(each if isinstance(each, PublishError) else self._settle(each, deadline))
            except PublishError as error:
                outcomes.append(error)
        return outcomes

    def start(self) -> None:
        """Begin to connect, so that the first request does not have to wait for it."""
        with self._start_lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Stop for good: what is unconfirmed is reported as such to its callers."""
        self._closing.set()
        if self._loop:
            self._loop.add_callback_threadsafe(lambda: self._fail("closed"))
        if self._thread:
            self._thread.join(CONNECT_TIMEOUT)

    # The callers' threads

    def _hand_over(self, message: Message, deadline: float) -> "Future[Confirmation]":
        if self._thread is None:
            self.start()
        if not self._ready.is_set() and not self._ready.wait(max(0.0, deadline - time.monotonic())):
            raise NotSent(f"the broker cannot be reached: {self._trouble}")
        if self.blocked is not None:
            raise NotSent(f"the broker takes no messages at present: {self.blocked}")
        loop = self._loop
        route = message.route()
        if route[0] == DELAYED and not self._delays.is_set() and loop:
            loop.add_callback_threadsafe(self._look_for_delays)
            if not self._delays.wait(min(LOOK, max(0.0, deadline - time.monotonic()))):
                raise NotSent("nothing takes messages with a countdown yet; start a worker")
        # Encoded here: what cannot be encoded is its sender's error and must not harm the connection.
        future: Future[Confirmation] = Future()
        self._waiting.append(_Waiting(message, route, message.body(), message.properties(), future))
        if not self._woken and loop:
            self._woken = True
            loop.add_callback_threadsafe(self._send_waiting)
        return future

    def _settle(self, future: "Future[Confirmation]", deadline: float) -> Confirmation:
        try:
            return future.result(max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            # A future that can still be cancelled was never taken up for sending.
            if future.cancel():
                raise NotSent(f"the broker cannot be reached: {self._trouble}") from None
            raise FateUnknown(f"no confirm came in time{f': {self.blocked}' if self.blocked else ''}") from None
        except CancelledError:
            raise NotSent(f"the broker cannot be reached: {self._trouble}") from None

    # The connection's thread

    def _run(self) -> None:
        while not self._closing.is_set():
            self._loop = IOLoop()
            try:
                pika.SelectConnection.create_connection(
                    self._parameters, on_done=self._on_connected, custom_ioloop=self._loop
                )
                self._loop.start()
            except Exception as error:
                log.exception("publisher")
                self._trouble = repr(error)
            self._lose()
            self._loop.close()
            self._closing.wait(RETRY_AFTER)

    def _on_connected(self, result: Any) -> None:
        if isinstance(result, BaseException):
            self._fail(_reason(result))
            return
        self._connection = result
        result.add_on_close_callback(lambda _, reason: self._fail(_reason(reason)))
        result.add_on_connection_blocked_callback(self._on_blocked)
        result.add_on_connection_unblocked_callback(self._on_unblocked)
        result.channel(on_open_callback=self._on_channel)

    def _on_channel(self, channel: Channel) -> None:
        channel.add_on_close_callback(lambda _, reason: self._fail(_reason(reason)))
        channel.add_on_return_callback(self._on_return)
        # A publish to an exchange that is not there would close the channel under everyone's messages: look first.
        channel.exchange_declare(TASKS, passive=True, callback=lambda _: self._on_exchange(channel))
        self._look_for_delays()

    def _look_for_delays(self) -> None:
        """Whether workers have set up delayed delivery; on a channel of its own, which the broker closes when not."""

        def found(channel: Channel) -> None:
            self._delays.set()
            channel.close()

        def look(channel: Channel) -> None:
            channel.exchange_declare(DELAYED, passive=True, callback=lambda _: found(channel))

        if self._connection is not None and self._connection.is_open:
            self._connection.channel(on_open_callback=look)

    def _on_exchange(self, channel: Channel) -> None:
        if not self._confirms:
            self._on_ready(channel)
            return
        channel.confirm_delivery(self._on_confirm, callback=lambda _: self._on_ready(channel))

    def _on_ready(self, channel: Channel) -> None:
        self._channel, self._next_tag = channel, 1
        self._ready.set()
        self._send_waiting()

    def _send_waiting(self) -> None:
        # Before the first look into the queue: who appends after that look wakes us again.
        self._woken = False
        while self._waiting and self._channel and self._ready.is_set():
            waiting = self._waiting.popleft()
            if not waiting.future.set_running_or_notify_cancel():
                continue
            waiting.published = time.time()
            if self._confirms:
                self._unconfirmed[self._next_tag] = waiting
                self._next_tag += 1
            self._channel.basic_publish(*waiting.route, waiting.body, waiting.properties, mandatory=True)
            if not self._confirms:
                waiting.future.set_result(Confirmation(waiting.published, time.time()))

    def _on_confirm(self, frame: Any) -> None:
        now, method = time.time(), frame.method
        if method.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= method.delivery_tag]
        else:
            tags = [method.delivery_tag]
        refused = isinstance(method, pika.spec.Basic.Nack)
        for tag in tags:
            waiting = self._unconfirmed.pop(tag, None)
            if waiting is None or waiting.future.done():
                continue
            if refused:
                # Some replicas may hold it all the same.
                waiting.future.set_exception(
                    FateUnknown("the broker refused the message: the queue is full or failing")
                )
            else:
                waiting.future.set_result(Confirmation(waiting.published, now))

    def _on_return(self, channel: Channel, method: Any, properties: pika.BasicProperties, body: bytes) -> None:
        # The confirm follows the return; by then the caller has its answer.
        for waiting in self._unconfirmed.values():
            if waiting.message.id == properties.correlation_id and not waiting.future.done():
                waiting.future.set_exception(
                    NotSent(
                        f"there is no queue {waiting.message.queue!r} on the broker yet; start a worker that reads it"
                    )
                )
                return

    def _on_blocked(self, connection: Any, frame: Any) -> None:
        self.blocked = frame.method.reason or "an alarm is on"
        log.warning("the broker blocks publishers: %s", self.blocked)

    def _on_unblocked(self, connection: Any, frame: Any) -> None:
        self.blocked = None
        log.info("the broker takes messages again")

    def _fail(self, trouble: str) -> None:
        """The connection or its channel is of no more use: close it and leave the loop; `_run` makes another."""
        if not self._closing.is_set() and self._trouble != trouble:
            log.warning("broker: %s", trouble)
        self._trouble = trouble
        self._ready.clear()
        if self._connection is not None and self._connection.is_open:
            self._connection.close()
        elif self._loop and (self._connection is None or self._connection.is_closed):
            self._loop.stop()

    def _lose(self) -> None:
        self._ready.clear()
        self._connection, self._channel, self.blocked, self._woken = None, None, None, False
        unconfirmed, self._unconfirmed = self._unconfirmed, {}
        for waiting in unconfirmed.values():
            if not waiting.future.done():
                error = FateUnknown(f"the connection was lost before the confirm: {self._trouble}")
                waiting.future.set_exception(error)


def _reason(error: Any) -> str:
    """What went wrong, for people. pika wraps the interesting error in others."""
    while getattr(error, "exceptions", None):
        error = error.exceptions[-1]
    cause = getattr(error, "exception", error)
    if isinstance(cause, pika.exceptions.ProbableAuthenticationError):
        return "it refused the login; check user and password"
    if isinstance(cause, pika.exceptions.ProbableAccessDeniedError):
        return "it refused access to the vhost; check that it exists and that the user has permissions in it"
    return str(cause) or repr(cause)
