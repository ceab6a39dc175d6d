"""`POST /plain`: a message for the consumer beside Celery, as the Docker source has it."""

import uuid

from flask import Response, request
from flask_openapi3 import OpenAPI
from pydantic import BaseModel

from app.broker.publisher import PublishError
from app.plain.producer import PlainMessage, produce
from app.web import problems
from app.web.answers import json_response
from app.web.limits import read_body
from app.web.problems import Problem
from app.web.services import services
from app.web.tasks import not_confirmed

ANYTHING = {"requestBody": {"content": {"application/octet-stream": {"schema": {}}}, "required": True}}


class PlainAccepted(BaseModel):
    id: str
    queue: str
    state: str = "accepted"


def register(app: OpenAPI) -> None:
    responses = problems.answers({202: PlainAccepted}, 413, 503)
    app.post("/plain", responses=responses, openapi_extensions=ANYTHING)(send)


def send() -> Response:
    """Send the body as it is, text or bytes, to the plain consumer

    Answers 202 when the broker has confirmed it, 503 as `POST /tasks/<name>` does.
    """
    s = services()
    payload = read_body()
    if not payload:
        raise Problem(422, "there is nothing to send; put the message into the body")
    kind = request.mimetype or "application/octet-stream"
    message = PlainMessage(str(uuid.uuid4()), payload, kind)
    try:
        produce(s.publisher, message, s.contract.web.publish_timeout)
    except PublishError as error:
        raise not_confirmed(message.id, error) from error
    return json_response({"id": message.id, "queue": message.queue, "state": "accepted"}, 202)
