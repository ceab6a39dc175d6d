"""`POST /batches`: many tasks in one request, confirmed together."""

from typing import Any

from flask import Response
from flask_openapi3 import OpenAPI
from pydantic import BaseModel, Field

from app.broker.message import TaskMessage
from app.broker.publisher import PublishError
from app.web import problems
from app.web.answers import json_response
from app.web.api import Strict
from app.web.problems import RETRY_AFTER, Problem
from app.web.services import Services, services
from app.web.tasks import Measuring, Order, accepted, not_confirmed, to_message

MOST_TASKS = 1000


class BatchItem(Order):
    """A task to send, with its name."""

    task: str = Field(description="the task's name")


class Batch(Strict):
    tasks: list[BatchItem] = Field(min_length=1, max_length=MOST_TASKS)


class BatchOutcome(BaseModel):
    """One item for each task of the request, in its order: as the 202 of `POST /tasks/<name>`, or its problem."""

    accepted: int
    refused: int
    items: list[dict[str, Any]]


def register(app: OpenAPI) -> None:
    outcomes = {202: BatchOutcome, 207: BatchOutcome}
    app.post("/batches", responses=problems.answers(outcomes, 413, 415, 503))(send_batch)


def send_batch(header: Measuring, body: Batch) -> Response:
    """Send many tasks

    Each is judged for itself; those that fit are published together. 202: all were accepted. 207: some or none were;
    each item says what became of it. 503: the broker took none of those that fit.
    """
    s = services()
    messages, items = _judge(s, body, header)
    outcomes = s.publisher.publish_many(messages.values(), s.contract.web.publish_timeout) if messages else []
    failed = 0
    for (place, message), outcome in zip(messages.items(), outcomes, strict=True):
        if isinstance(outcome, PublishError):
            failed += 1
            items[place] = not_confirmed(message.id, outcome).document()
        else:
            items[place] = accepted(message, outcome)
    if failed and failed == len(messages):
        sent = "unknown" if any(item.get("sent") == "unknown" for item in items) else "no"
        raise Problem(503, "the broker confirmed none of them; `items` says more", RETRY_AFTER, sent=sent, items=items)
    taken = len(messages) - failed
    outcome_body = {"accepted": taken, "refused": len(items) - taken, "items": items}
    return json_response(outcome_body, 202 if taken == len(items) else 207)


def _judge(s: Services, batch: Batch, measuring: Measuring) -> tuple[dict[int, TaskMessage], list[dict[str, Any]]]:
    """Place → message of each that fits, and the answer's items, filled in so far for those that do not."""
    messages: dict[int, TaskMessage] = {}
    items: list[dict[str, Any]] = [{} for _ in batch.tasks]
    seen: set[str] = set()
    for place, order in enumerate(batch.tasks):
        try:
            if order.id in seen:
                raise Problem(422, "an earlier item of this batch has the same id", id=order.id)
            message = to_message(s, order.task, order, measuring)
        except Problem as problem:
            items[place] = problem.document()
            continue
        seen.add(message.id)
        messages[place] = message
    return messages, items
