"""`GET /longtime_add`: a slow addition that is sent to a worker and waited for, as the Cloud Foundry source does it."""

import uuid
from typing import Any

from flask import Response
from flask_openapi3 import OpenAPI
from pydantic import Field

from app.broker.message import TaskMessage
from app.web import problems
from app.web.answers import text_response
from app.web.api import Strict
from app.web.limits import LONGEST_WAIT
from app.web.problems import Problem
from app.web.results import wait_for
from app.web.services import services
from app.web.tasks import publish

# JSON numbers above this lose digits in other languages.
LARGEST = 2**53


class Numbers(Strict):
    x: int = Field(2, ge=-LARGEST, le=LARGEST)
    y: int = Field(3, ge=-LARGEST, le=LARGEST)


TEXT: Any = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}


def register(app: OpenAPI) -> None:
    app.get("/longtime_add", responses=problems.answers(TEXT, 503, 504))(longtime_add)


def longtime_add(query: Numbers) -> Response:
    """Add two numbers in a worker, which takes five seconds, and wait for the sum

    Answers with the sum as plain text. 503 when too many requests wait already or the broker is away; 504 when no
    worker has finished it in time: the task is not lost, and `id` in the answer leads to its result.
    """
    s = services()
    message = TaskMessage(
        id=str(uuid.uuid4()), task="longtime_add", queue=s.contract.queue_of("longtime_add"), args=[query.x, query.y]
    )
    with s.waiters.place() as free:
        if not free:
            raise s.waiters.refuse()
        publish(s, message)
        found = wait_for(s, message.id, LONGEST_WAIT)
    if found.state == "success":
        return text_response(str(found.result))
    if found.final:
        raise Problem(500, f"the task ended as {found.state}: {found.error}", id=message.id)
    raise Problem(504, f"no worker has finished it yet; look at /tasks/{message.id} later", id=message.id)
