"""`GET /runs/<run>/records`: the records of a load run's tasks, as they finish."""

import json

from flask import Response
from flask_openapi3 import OpenAPI
from pydantic import BaseModel, Field

from app.records import stream
from app.web import problems
from app.web.api import Strict
from app.web.problems import RETRY_AFTER, Problem
from app.web.services import services
from app.web.tasks import Id

LONGEST_WAIT = 10.0


class RunPath(BaseModel):
    run: Id


class From(Strict):
    after: str | None = Field(None, max_length=80, description="`next` of the answer before")
    since: float | None = Field(None, ge=0, le=99_999_999_999, description="without `after`: start here, epoch seconds")
    wait: float = Field(0, ge=0, le=LONGEST_WAIT, description="seconds to wait for the first record")


class TaskRecord(BaseModel):
    """The end of one attempt at a task. Times in epoch seconds.
    `state`: success, failure, retry, rejected, revoked or expired."""

    id: str
    run: str
    task: str
    queue: str | None
    scheduled: float | None
    received: float | None
    started: float | None
    finished: float | None
    state: str
    worker: str
    attempt: int
    redelivered: bool


class Records(BaseModel):
    """`next`: the cursor to ask with as `after`. Who follows the cursors misses nothing and gets nothing twice."""

    records: list[TaskRecord]
    next: str


def register(app: OpenAPI) -> None:
    app.get("/runs/<run>/records", responses=problems.answers({200: Records}, 503))(show)


def show(path: RunPath, query: From) -> Response:
    """Records of a run, from a cursor on

    With `wait` the answer comes with the first record, or after so many seconds. Reading takes nothing away.
    """
    s = services()
    with s.waiters.place() as free:
        wait = query.wait if free else 0.0
        try:
            lines, cursor = stream.read(s.address, s.contract, path.run, query.after, query.since, wait)
        except stream.BadCursor as error:
            raise Problem(422, f"after: {error}") from error
        except stream.RecordsUnavailable as error:
            raise Problem(503, str(error), RETRY_AFTER) from error
    # The lines are JSON already.
    body = b'{"records":[' + b",".join(lines) + b'],"next":' + json.dumps(cursor).encode() + b"}"
    return Response(body, mimetype="application/json")
