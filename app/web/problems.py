"""Every error as application/problem+json (RFC 9457), whoever raised it."""

import json
import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from pydantic import BaseModel, ConfigDict, ValidationError
from werkzeug.exceptions import HTTPException, NotFound

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# Those that any request may get.
EVERYWHERE = (400, 401, 403, 422, 500)
# What tells a client when to try again. The broker is usually back, or its alarm over, after some seconds.
RETRY_AFTER = 5


def answers(good: dict[int, Any], *errors: int) -> dict[Any, Any]:
    """An operation's `responses` for the OpenAPI document: the good ones, and the errors of its own."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return good | {code: {"description": HTTPStatus(code).phrase, "content": content} for code in errors}


class ProblemDocument(BaseModel):
    """An error. `detail` says what was wrong and what to do about it."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


class Problem(Exception):
    """An error for the client. `more` are further members of the document, such as `id` and `sent`."""

    def __init__(self, status: int, detail: str, retry_after: int | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.retry_after, self.more = status, detail, retry_after, more

    def document(self) -> dict[str, Any]:
        title = HTTPStatus(self.status).phrase
        return {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail} | self.more

    def response(self) -> Response:
        response = Response(json.dumps(self.document()), self.status, mimetype=MEDIA_TYPE)
        if self.retry_after is not None:
            response.headers["Retry-After"] = str(self.retry_after)
        return response


def from_validation(error: ValidationError) -> Problem:
    """400 for what is no JSON at all, 422 for what does not fit; `errors` names each place."""
    errors = [{"where": ".".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors(include_url=False)]
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return Problem(400, f"the body is not JSON: {first['ctx']['error']}")
    text = "; ".join(f"{e['where']}: {e['message']}" if e["where"] else e["message"] for e in errors[:5])
    return Problem(422, text, errors=errors)


def init(app: Flask) -> None:
    """Answer every error that leaves a view."""

    @app.errorhandler(Problem)
    def problem(error: Problem) -> Response:
        return error.response()

    @app.errorhandler(ValidationError)
    def invalid(error: ValidationError) -> Response:
        return from_validation(error).response()

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        detail = error.description or HTTPStatus(status).phrase
        if isinstance(error, NotFound):
            detail = f"there is nothing at {request.path}; /openapi.json lists what there is"
        response = Problem(status, detail).response()
        kept = ("Allow", "WWW-Authenticate", "Retry-After", "Location")
        response.headers.extend([(k, v) for k, v in error.get_headers() if k in kept])
        return response

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        log.exception("%s %s failed", request.method, request.path)
        return Problem(500, "an error inside Warren; its log says more").response()
