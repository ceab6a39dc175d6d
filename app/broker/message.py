"""A task as Celery's message protocol 2, made without Celery: building it is what limits a front end.

Format: Celery's documentation, "Message Protocol", version 2. Any Celery worker understands it. What it does not cover
(chains, chords, links) is `apply_async`'s.
"""

import json
import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import pika
from kombu.transport.native_delayed_delivery import MAX_LEVEL, calculate_routing_key, level_name

from app.broker.names import TASKS

PERSISTENT = 2
# Where Celery's delayed delivery takes messages in; workers declare it.
DELAYED = level_name(MAX_LEVEL)
# Shown by Flower and in logs; the task itself gets its arguments whole.
_LONGEST_REPR = 1024
_ORIGIN = f"{os.getpid()}@{socket.gethostname()}"
_NO_EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class Message(Protocol):
    """What the publisher can send: a task, or a message of the plain pair. Its queue stands in error messages."""

    @property
    def id(self) -> str: ...
    @property
    def queue(self) -> str: ...
    def route(self) -> tuple[str, str]: ...
    def body(self) -> bytes: ...
    def properties(self) -> pika.BasicProperties: ...


@dataclass(frozen=True)
class TaskMessage:
    """One task to publish. `countdown` in seconds; `run` and `scheduled` (epoch seconds) mark a measured task."""

    id: str
    task: str
    queue: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    countdown: float | None = None
    run: str | None = None
    scheduled: float | None = None
    # Celery sets up delayed delivery for quorum queues only; with classic ones a countdown waits in a worker.
    delay_in_broker: bool = True
    # With `rpc://`: the queue that the result goes to.
    reply_to: str | None = None

    def route(self) -> tuple[str, str]:
        """Exchange and routing key. A countdown of a second or more waits in the broker, not in a worker."""
        if self.countdown and self.countdown >= 1 and self.delay_in_broker:
            return DELAYED, calculate_routing_key(int(self.countdown), self.queue)
        return TASKS, self.queue

    def body(self) -> bytes:
        return json.dumps((self.args, self.kwargs, _NO_EMBED), separators=(",", ":")).encode()

    def properties(self) -> pika.BasicProperties:
        headers: dict[str, Any] = {
            "lang": "py",
            "task": self.task,
            "id": self.id,
            "root_id": self.id,
            "parent_id": None,
            "group": None,
            "retries": 0,
            "argsrepr": repr(self.args)[:_LONGEST_REPR],
            "kwargsrepr": repr(self.kwargs)[:_LONGEST_REPR],
            "origin": _ORIGIN,
        }
        if self.countdown:
            headers["eta"] = (datetime.now(UTC) + timedelta(seconds=self.countdown)).isoformat()
        if self.run is not None:
            headers["warren"] = {"run": self.run, "scheduled": repr(self.scheduled)}
        return pika.BasicProperties(
            content_type="application/json",
            content_encoding="utf-8",
            correlation_id=self.id,
            reply_to=self.reply_to,
            delivery_mode=PERSISTENT,
            headers=headers,
        )
