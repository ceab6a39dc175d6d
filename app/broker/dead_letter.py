"""One dead letter: what the broker and Celery wrote on it, and whether it is one of those that are meant."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pika
from pydantic import BaseModel, ConfigDict


class DeadLetter(BaseModel):
    """One dead letter. `queue`: where it died. `reason`: rejected, delivery_limit, expired or maxlen.
    `count`: how often it died so. `time`: of its death, in epoch seconds. `run`: the load run it belonged to.
    `body`: only when one is asked for."""

    model_config = ConfigDict(frozen=True)

    id: str | None
    task: str | None
    queue: str | None
    reason: str | None
    count: int
    time: float | None
    run: str | None
    headers: dict[str, Any]
    body: str | None = None


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


def read_letter(properties: pika.BasicProperties, body: bytes) -> DeadLetter:
    """From a message as it lies in the queue `dead`."""
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
