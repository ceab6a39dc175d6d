"""`POST /tasks/<name>`: send one task. The hot path: what happens here happens thousands of times a second."""

import time
import uuid
from dataclasses import replace
from typing import Annotated, Any

from flask import Response
from flask_openapi3 import OpenAPI
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.broker.message import TaskMessage
from app.broker.publisher import Confirmation, FateUnknown, NotSent, PublishError
from app.results import ResultsUnavailable
from app.web import problems
from app.web.answers import json_response
from app.web.api import Strict
from app.web.problems import RETRY_AFTER, Problem
from app.web.services import Services, services

# Ids travel in AMQP headers, URLs and file names: keep them plain. Celery's own are UUIDs.
ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
# Seconds. The broker's delay queues could hold a message for 8 years; nobody means that.
LONGEST_COUNTDOWN = 366 * 86400.0


class Order(Strict):
    """A task to send. All is optional."""

    model_config = ConfigDict(openapi_extra={"required": False})  # type: ignore[typeddict-unknown-key]

    args: list[Any] = Field([], description="positional arguments")
    kwargs: dict[str, Any] = Field({}, description="keyword arguments")
    countdown: float | None = Field(None, ge=0, le=LONGEST_COUNTDOWN, description="start after this many seconds")
    queue: str | None = Field(None, description="one of stack.yml's queues, in place of the task's own")
    id: Id | None = Field(None, description="the task's id; sending the same id again may run the task twice")


class TaskPath(BaseModel):
    task: str = Field(description="POST: the task's name. GET and DELETE: the id of a task that was sent")


class Measuring(BaseModel):
    """Marks a task whose life is recorded."""

    run: Id | None = Field(None, alias="Warren-Run", description="id of the load run it belongs to")
    scheduled: float | None = Field(
        None, alias="Warren-Scheduled", ge=0, description="when it was due by plan, in epoch seconds"
    )


class Accepted(BaseModel):
    """The broker has the task: from now on it finishes, or becomes a dead letter."""

    id: str
    task: str
    queue: str
    state: str = "accepted"
    published: float | None = Field(None, description="measured tasks only: handed to the broker, epoch seconds")
    confirmed: float | None = Field(None, description="measured tasks only: confirmed by the broker, epoch seconds")


def register(app: OpenAPI) -> None:
    app.post("/tasks/<task>", responses=problems.answers({202: Accepted}, 404, 413, 415, 503))(send)


def send(path: TaskPath, header: Measuring, body: Order) -> Response:
    """Send a task

    Answers 202 when the broker has confirmed the message, with the task's id. When the broker is away or takes no
    messages, answers 503 within two seconds; `sent` in its body is `no` when the message is surely not on the
    broker, and `unknown` when it may be. Sending it again with the same id loses nothing, but when its fate was
    unknown the task may run twice.
    """
    s = services()
    message = to_message(s, path.task, body, header)
    confirmation = publish(s, message)
    return json_response(accepted(message, confirmation), 202, {"Location": f"/tasks/{message.id}"})


def to_message(s: Services, task: str, order: Order, measuring: Measuring) -> TaskMessage:
    """Judge an order and make its message. Raises Problem 404 or 422; nothing is published here."""
    s.signatures.judge(task, order.args, order.kwargs)
    if order.queue is not None and order.queue not in s.contract.queues:
        raise Problem(422, f"there is no queue {order.queue!r}; there are {', '.join(s.contract.queues)}")
    scheduled = measuring.scheduled
    return TaskMessage(
        id=order.id or str(uuid.uuid4()),
        task=task,
        queue=order.queue or s.contract.queue_of(task),
        args=order.args,
        kwargs=order.kwargs,
        countdown=order.countdown,
        delay_in_broker=s.contract.broker.queue_type == "quorum",
        run=measuring.run,
        scheduled=time.time() if measuring.run and scheduled is None else scheduled,
    )


def publish(s: Services, message: TaskMessage) -> Confirmation:
    """Publish and wait for the confirm. Raises Problem 503."""
    try:
        if s.results.rpc:
            message = replace(message, reply_to=_reply_queue(s))
        return s.publisher.publish(message, s.contract.web.publish_timeout)
    except PublishError as error:
        raise not_confirmed(message.id, error) from error


def _reply_queue(s: Services) -> str:
    try:
        return s.results.reply_to(s.contract.web.publish_timeout)
    except ResultsUnavailable as error:
        raise NotSent(str(error)) from error


def accepted(message: TaskMessage, confirmation: Confirmation) -> dict[str, Any]:
    """The body of a 202."""
    body: dict[str, Any] = {"id": message.id, "task": message.task, "queue": message.queue, "state": "accepted"}
    if message.run is not None:
        body |= {"published": round(confirmation.published, 6), "confirmed": round(confirmation.confirmed, 6)}
    return body


def not_confirmed(message_id: str, error: PublishError) -> Problem:
    """503: surely not sent, or not known."""
    unknown = isinstance(error, FateUnknown)
    advice = "it may be on the broker: sent again with this id it may run twice" if unknown else "send it again"
    return Problem(
        503, f"not confirmed: {error}; {advice}", RETRY_AFTER, id=message_id, sent="unknown" if unknown else "no"
    )
