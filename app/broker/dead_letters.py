"""Dead letters: messages that were rejected, or redelivered too often. List them, send them again, throw them away.

Two operations never work at once: each holds a queue of its own connection, `dead.lock`, meanwhile. (An exclusive
consumer would be the obvious way, but quorum queues take a second one without a word; seen with RabbitMQ 3.10.) What
an operation does not settle goes back when its connection ends, however it ends. A replayed message is acknowledged
only after the broker has confirmed the new one: an interruption may double a message but not lose it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from app.broker import names, topology
from app.broker.connection import open_channel
from app.broker.dead_letter import DeadLetter, Selection, read_letter
from app.broker.url import BrokerAddress
from app.contract import Contract

# One look reaches this far into the queue: a consumer's prefetch count is a 16-bit number.
REACH = 50_000
# Seconds without a delivery after which the queue's end is taken to be reached: when there is more to come by the
# broker's count, and when there is not (another operation may have given letters back since they were counted).
IDLE, IDLE_WHEN_EMPTY = 2.0, 0.2
# Seconds that another operation is given to end. Most take less.
PATIENCE = 2.0
RESOURCE_LOCKED = 405
# Headers that tell of the death. A replayed message starts a new life, with the broker's counters at zero.
_OF_DEATH = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")


class Busy(Exception):
    """Another operation on the dead letters is under way."""


@dataclass
class Outcome:
    """What an operation did: `done` messages, `failed` ones by id with the reason (they stay dead letters), and how
    many `remaining` ones it had no time for."""

    done: int = 0
    remaining: int = 0
    failed: list[dict[str, str | None]] = field(default_factory=list)


_patiently = retry(
    retry=retry_if_exception_type(Busy), stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.1), reraise=True
)


class DeadLetters:
    """Operations on the queue `dead`. Raise BrokerUnavailable, or Busy when another is under way."""

    def __init__(self, address: BrokerAddress, contract: Contract) -> None:
        self._address, self._contract = address, contract

    @_patiently
    def list(self, selection: Selection, limit: int) -> tuple[list[DeadLetter], bool]:
        """The first `limit` that are selected, oldest first, and whether there may be more."""
        found: list[DeadLetter] = []
        with open_channel(self._address, self._contract) as channel:
            _take_turn(channel)
            total = _count(channel)
            for _, delivery in _deliveries(channel, total):
                if selection.takes(delivery.letter):
                    if len(found) == limit:
                        return found, True
                    found.append(delivery.letter)
        return found, total > REACH

    def replay(self, selection: Selection, limit: int, seconds: float) -> Outcome:
        """Send the selected ones to the queue they died in, with the same id; at most `limit`, for some seconds."""

        def settle(channel: BlockingChannel, delivery: "_Delivery") -> None:
            exchange, key = self._home(delivery.letter.queue)
            properties = delivery.properties
            kept = {k: v for k, v in (properties.headers or {}).items() if not k.startswith(_OF_DEATH)}
            properties.headers = kept or None
            properties.delivery_mode = pika.DeliveryMode.Persistent.value
            channel.basic_publish(exchange, key, delivery.raw, properties, mandatory=True)

        return self._settle_each(selection, limit, seconds, settle)

    def purge(self, selection: Selection, limit: int, seconds: float) -> Outcome:
        """Throw the selected ones away for good; at most `limit`, for some seconds."""
        return self._settle_each(selection, limit, seconds, lambda channel, delivery: None)

    @_patiently
    def _settle_each(self, selection: Selection, limit: int, seconds: float, settle: Any) -> Outcome:
        outcome, deadline = Outcome(), time.monotonic() + seconds
        with open_channel(self._address, self._contract) as channel:
            _take_turn(channel)
            channel.confirm_delivery()
            # Counted first: what dies again while this runs is not taken up a second time.
            for tag, delivery in _deliveries(channel, _count(channel)):
                if not selection.takes(delivery.letter):
                    continue
                if outcome.done >= limit or time.monotonic() > deadline:
                    outcome.remaining += 1
                    continue
                try:
                    settle(channel, delivery)
                except (LookupError, UnroutableError, NackError) as error:
                    why = f"no queue {delivery.letter.queue!r} took it ({type(error).__name__})"
                    outcome.failed.append({"id": delivery.letter.id, "detail": why})
                    continue
                channel.basic_ack(tag)
                outcome.done += 1
        return outcome

    def _home(self, queue: str | None) -> tuple[str, str]:
        """Exchange and routing key that lead to that queue. LookupError for one that is not this stack's."""
        exchange, _ = topology.queues(self._contract)[queue or ""]
        return exchange, queue or ""


@dataclass
class _Delivery:
    letter: DeadLetter
    properties: pika.BasicProperties
    raw: bytes


def _take_turn(channel: BlockingChannel) -> None:
    """Until this channel's connection ends. Raises Busy."""
    try:
        channel.queue_declare(names.DEAD_LOCK, exclusive=True, auto_delete=True)
    except ChannelClosedByBroker as error:
        if error.reply_code != RESOURCE_LOCKED:
            raise
        raise Busy("another operation on the dead letters is under way; try again when it is done") from error


def _count(channel: BlockingChannel) -> int:
    return int(channel.queue_declare(names.DEAD, passive=True).method.message_count)


def _deliveries(channel: BlockingChannel, total: int) -> Iterator[tuple[int, _Delivery]]:
    """Every message that was in the queue at the beginning, by delivery tag; unsettled ones go back at the end."""
    channel.basic_qos(prefetch_count=REACH)
    incoming = channel.consume(names.DEAD, inactivity_timeout=IDLE if total else IDLE_WHEN_EMPTY)
    for seen, (method, properties, body) in enumerate(incoming, start=1):
        if method is None:
            return
        yield method.delivery_tag, _Delivery(read_letter(properties, body), properties, body)
        if seen == min(total, REACH):
            return
