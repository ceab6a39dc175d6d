"""`/healthz`: this process answers. `/readyz`: it can hand tasks to the broker."""

from flask import Response
from flask_openapi3 import OpenAPI
from pydantic import BaseModel

from app.web import problems
from app.web.answers import json_response
from app.web.problems import RETRY_AFTER, Problem
from app.web.services import services


class Health(BaseModel):
    status: str = "ok"


def register(app: OpenAPI) -> None:
    app.get("/healthz", responses={200: Health}, security=[])(healthz)
    app.get("/readyz", responses=problems.answers({200: Health}, 503), security=[])(readyz)


def healthz() -> Response:
    """Whether the process answers; a broker's outage is no reason to restart it"""
    return json_response({"status": "ok"})


def readyz() -> Response:
    """Whether tasks can be handed to the broker now"""
    s = services()
    s.publisher.start()
    if s.stopping.is_set():
        raise Problem(503, "this process is stopping", RETRY_AFTER)
    if not s.publisher.connected:
        raise Problem(503, f"the broker cannot be reached: {s.publisher.trouble}", RETRY_AFTER)
    if s.publisher.blocked is not None:
        raise Problem(503, f"the broker takes no messages at present: {s.publisher.blocked}", RETRY_AFTER)
    return json_response({"status": "ok"})
