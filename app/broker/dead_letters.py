"""Dead letters: messages that were rejected, or redelivered too often. List them, send them again, throw them away.

An operation holds the queue as its exclusive consumer, so two never work on the same message. What it does not settle
goes back when its connection ends, however it ends. A replayed message is acknowledged only after the broker has
confirmed the new one: an interruption may double a message but not lose it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker, NackError, UnroutableError

from app.broker import topology
from app.broker.connection import open_channel
from app.broker.url import BrokerAddress
from app.contract import Contract

# One look reaches this far into the queue: a consumer's prefetch count is a 16-bit number.
REACH = 50_000
# Seconds: without a delivery for so long, the end of the queue is reached.
IDLE = 2.0
ACCESS_REFUSED = 403
# Headers that tell of the death. A replayed message starts a new life, with the broker's counters at zero.
_OF_DEATH = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")


class Busy(Exception):
    """Another operation on the dead letters is under way."""


@dataclass(frozen=True)
class DeadLetter:
    """One dead letter. `queue`: where it died. `reason`: rejected, delivery_limit, expired or maxlen.
    `time`: of its death, in epoch seconds. `run`: the load run it belonged to."""

    id: str | None
    task: str | None
    queue: str | None
    reason: str | None
    count: int
    time: float | None
    run: str | None
    headers: dict[str, Any]
    body: str


@dataclass(frozen=True)
class Selection:
    """Which dead letters are meant: those that fit every given criterion; without any, all."""

    ids: frozenset[str] = frozenset()
    task: str | None = None
    queue: str | None = None
    run: str | None = None
    reason: str | None = None

    def takes(self, letter: DeadLetter) -> bool:
        criteria = ("task", "queue", "run", "reason")
        wanted = [(getattr(self, name), getattr(letter, name)) for name in criteria]
        return (not self.ids or letter.id in self.ids) and all(want is None or want == has for want, has in wanted)


@dataclass
class Outcome:
    """What an operation did: `done` messages, `failed` ones by id with the reason (they stay dead letters), and how
    many `remaining` ones it had no time for."""

    done: int = 0
    remaining: int = 0
    failed: list[dict[str, str | None]] = field(default_factory=list)


class DeadLetters:
    """Operations on the queue `dead`. Raise BrokerUnavailable, or Busy when another is under way."""

    def __init__(self, address: BrokerAddress, contract: Contract) -> None:
        self._address, self._contract = address, contract

    def list(self, selection: Selection, limit: int) -> tuple[list[DeadLetter], bool]:
        """The first `limit` that are selected, oldest first, and whether there may be more."""
        found: list[DeadLetter] = []
        with open_channel(self._address, self._contract) as channel:
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

    def _settle_each(self, selection: Selection, limit: int, seconds: float, settle: Any) -> Outcome:
        outcome, deadline = Outcome(), time.monotonic() + seconds
        with open_channel(self._address, self._contract) as channel:
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


def _count(channel: BlockingChannel) -> int:
    return int(channel.queue_declare(topology.DEAD, passive=True).method.message_count)


def _deliveries(channel: BlockingChannel, total: int) -> Iterator[tuple[int, _Delivery]]:
    """Every message that was in the queue at the beginning, by delivery tag; unsettled ones go back at the end."""
    if not total:
        return
    channel.basic_qos(prefetch_count=REACH)
    seen = 0
    try:
        for method, properties, body in channel.consume(topology.DEAD, exclusive=True, inactivity_timeout=IDLE):
            if method is None:
                return
            yield method.delivery_tag, _Delivery(_letter(properties, body), properties, body)
            seen += 1
            if seen >= min(total, REACH):
                return
    except ChannelClosedByBroker as error:
        if error.reply_code == ACCESS_REFUSED and "exclusive" in error.reply_text:
            raise Busy("another operation on the dead letters is under way; try again when it is done") from error
        raise


def _letter(properties: pika.BasicProperties, body: bytes) -> DeadLetter:
    headers: dict[str, Any] = properties.headers or {}
    deaths = headers.get("x-death")
    death: dict[str, Any] = deaths[0] if isinstance(deaths, list) and deaths else {}  # the latest comes first
    died = death.get("time")
    measured = headers.get("warren")
    task_id = properties.correlation_id or headers.get("id") or properties.message_id
    return DeadLetter(
        id=str(task_id) if task_id is not None else None,
        task=headers.get("task"),
        queue=death.get("queue") or headers.get("x-first-death-queue"),
        reason=death.get("reason") or headers.get("x-first-death-reason"),
        count=int(death.get("count", 1)),
        time=_epoch(died) if isinstance(died, datetime) else None,
        run=measured.get("run") if isinstance(measured, dict) else None,
        headers={key: _plain(value) for key, value in headers.items()},
        body=body.decode("utf-8", "replace"),
    )


def _epoch(moment: datetime) -> float:
    """pika gives AMQP timestamps as UTC without saying so."""
    return moment.replace(tzinfo=UTC).timestamp() if moment.tzinfo is None else moment.timestamp()


def _plain(value: Any) -> Any:
    """A header's value as JSON can say it."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return _epoch(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str | int | float | bool | None) else str(value)
