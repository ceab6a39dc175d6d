"""`/tasks/<id>`: what became of a task, waiting for it, watching it, revoking it."""

import json
import time
from collections.abc import Iterator
from typing import Any

from celery.exceptions import OperationalError
from flask import Response
from flask_openapi3 import OpenAPI
from pydantic import BaseModel, Field

from app.results import ResultsUnavailable, TaskState
from app.web import problems
from app.web.answers import json_response
from app.web.api import Strict
from app.web.limits import LONGEST_WAIT
from app.web.problems import RETRY_AFTER, Problem
from app.web.services import Services, services
from app.web.tasks import Id

# Seconds between two looks for a change, and after how many a silent stream says something: writing is what shows that
# its reader is gone.
LOOK_EVERY, SAY_SOMETHING = 0.25, 5.0
# Seconds after which a stream ends, so that a place is not held for ever; browsers come back by themselves.
LONGEST_STREAM = 600.0


class IdPath(BaseModel):
    task: Id = Field(description="POST: the task's name. GET and DELETE: the id of a task that was sent")


class Wait(Strict):
    wait: float = Field(0, ge=0, le=LONGEST_WAIT, description="seconds to wait for the task's end")


class TaskStateBody(BaseModel):
    """`state`: pending (also: an id never heard of, and tasks whose results are not kept), started, progress, retry,
    success, failure or revoked; the last three are final."""

    id: str
    state: str
    result: Any = None
    progress: dict[str, Any] | None = None
    error: str | None = None


class Revoked(BaseModel):
    id: str
    state: str = "revoking"


def register(app: OpenAPI) -> None:
    app.get("/tasks/<task>", responses=problems.answers({200: TaskStateBody}, 503))(show)
    stream = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
    app.get("/tasks/<task>/events", responses=problems.answers({200: stream}, 503))(watch)
    app.delete("/tasks/<task>", responses=problems.answers({202: Revoked}, 503))(revoke)


def show(path: IdPath, query: Wait) -> Response:
    """The state of a task

    With `wait` the answer comes when the task has ended, or after so many seconds. When too many requests wait
    already, the answer comes at once.
    """
    s = services()
    if not query.wait:
        return json_response(as_body(read_state(s, path.task)))
    with s.waiters.place() as free:
        return json_response(as_body(wait_for(s, path.task, query.wait if free else 0.0)))


def watch(path: IdPath) -> Response:
    """The changes of a task's state, as server-sent events

    One event `state` for the present state and for each change of it or of the progress, until it is final.
    """
    s = services()
    # The first look, so that an unreachable store is an error and not an empty stream.
    first = read_state(s, path.task)
    place = s.waiters.take()
    if place is None and not first.final:
        raise s.waiters.refuse()
    response = Response(_events(s, first), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"  # nginx would keep the events until its buffer is full
    if place is not None:
        response.call_on_close(place.give_back)
    return response


def revoke(path: IdPath) -> Response:
    """Revoke a task

    A worker that holds the task, or gets it later, throws it away instead of starting it. It is a message to the
    workers that run now: one that starts later does not know it. A task that runs already is not stopped.
    """
    s = services()
    timeout = s.contract.web.publish_timeout
    if s.publisher.blocked:  # a publish would hang until the alarm is over
        raise Problem(503, f"the broker takes no messages at present: {s.publisher.blocked}", RETRY_AFTER, id=path.task)
    try:
        with s.celery.connection_for_write(connect_timeout=timeout) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=timeout)
            s.celery.control.revoke(path.task, connection=connection)
    except (OperationalError, OSError) as error:
        raise Problem(503, f"the broker cannot be reached: {error}", RETRY_AFTER, id=path.task) from error
    return json_response({"id": path.task, "state": "revoking"}, 202)


def wait_for(s: Services, task_id: str, seconds: float) -> TaskState:
    """The state once it is final, or after so many seconds, or when this process is told to stop."""
    deadline, pause = time.monotonic() + seconds, 0.01
    while not (found := read_state(s, task_id)).final and (left := deadline - time.monotonic()) > 0:
        if s.stopping.wait(min(pause, left)):
            break
        pause = min(pause * 1.5, LOOK_EVERY)
    return found


def read_state(s: Services, task_id: str) -> TaskState:
    """Raises Problem 503 when the result store does not answer."""
    try:
        return s.results.state(task_id)
    except ResultsUnavailable as error:
        raise Problem(503, str(error), RETRY_AFTER, id=task_id) from error


def as_body(state: TaskState) -> dict[str, Any]:
    """A state as JSON, without what does not belong to it."""
    body: dict[str, Any] = {"id": state.id, "state": state.state}
    if state.state == "success":
        body["result"] = state.result
    if state.progress is not None:
        body["progress"] = state.progress
    if state.error is not None:
        body["error"] = state.error
    return body


def _events(s: Services, state: TaskState) -> Iterator[str]:
    yield _event(state)
    said = time.monotonic()
    end = said + LONGEST_STREAM
    while not state.final and time.monotonic() < end and not s.stopping.wait(LOOK_EVERY):
        try:
            found = s.results.state(state.id)
        except ResultsUnavailable as error:
            yield f"event: trouble\ndata: {json.dumps({'detail': str(error)})}\n\n"
            return
        if found != state:
            state, said = found, time.monotonic()
            yield _event(state)
        elif time.monotonic() - said > SAY_SOMETHING:
            said = time.monotonic()
            yield ": still waiting\n\n"


def _event(state: TaskState) -> str:
    return f"event: state\ndata: {json.dumps(as_body(state))}\n\n"
