"""`GET /queues`: how many messages wait in each queue, and how many consumers read it."""

from flask import Response
from flask_openapi3 import OpenAPI
from pydantic import BaseModel

from app.broker import names, topology
from app.broker.connection import open_channel
from app.web import problems
from app.web.answers import json_response
from app.web.services import services


class QueueState(BaseModel):
    """`messages`: ready for delivery, not counting those in a worker's hands."""

    name: str
    messages: int
    consumers: int


class QueueStates(BaseModel):
    queues: list[QueueState]


def register(app: OpenAPI) -> None:
    app.get("/queues", responses=problems.answers({200: QueueStates}, 503))(show)


def show() -> Response:
    """The depth of each queue"""
    s = services()
    found = []
    with open_channel(s.address, s.contract) as channel:
        for name in topology.queues(s.contract):
            if name != names.RECORDS:  # a stream keeps what was read; its length says nothing
                method = channel.queue_declare(name, passive=True).method
                found.append(
                    {"name": name, "messages": method.message_count, "consumers": method.consumer_count},
                )
    return json_response({"queues": found})
