"""`/dead`: dead letters over HTTP."""

from dataclasses import asdict

from flask import Response
from flask_openapi3 import OpenAPI
from pydantic import BaseModel, Field, model_validator

from app.broker.dead_letter import DeadLetter, Selection
from app.broker.dead_letters import Busy, DeadLetters
from app.web import problems
from app.web.answers import json_response
from app.web.api import Strict
from app.web.problems import Problem
from app.web.services import services

MOST_LISTED = 10_000
# Seconds that one request spends on replaying or purging before it says how much is left.
ONE_REQUEST = 15.0


class Criteria(Strict):
    """Every criterion given must fit."""

    task: str | None = Field(None, description="the task's name")
    queue: str | None = Field(None, description="the queue in which it died")
    run: str | None = Field(None, description="the load run it belonged to")
    reason: str | None = Field(None, description="rejected, delivery_limit, expired or maxlen")


class Listing(Criteria):
    limit: int = Field(100, ge=1, le=MOST_LISTED, description="at most so many, oldest first")


class Choice(Criteria):
    """Which dead letters. Nothing chosen is an error: say `"all": true` when all are meant."""

    ids: list[str] = Field([], max_length=MOST_LISTED)
    all: bool = False
    limit: int = Field(MOST_LISTED, ge=1, description="at most so many, oldest first")

    @model_validator(mode="after")
    def _something_chosen(self) -> "Choice":
        chosen = bool(self.ids or self.task or self.queue or self.run or self.reason)
        if chosen == self.all:
            raise ValueError('say which: ids, task, queue, run, reason; or "all": true alone')
        return self


class DeadId(BaseModel):
    id: str


class DeadList(BaseModel):
    """`truncated`: there are more than these, or more than one look reaches."""

    messages: list[DeadLetter]
    truncated: bool


class DeadOutcome(BaseModel):
    """`failed` ones stay dead letters, each with its reason. `remaining`: chosen, but there was no time; ask again."""

    done: int
    remaining: int
    failed: list[dict[str, str | None]]


def register(app: OpenAPI) -> None:
    app.get("/dead", responses=problems.answers({200: DeadList}, 409, 503))(show_all)
    app.get("/dead/<id>", responses=problems.answers({200: DeadLetter}, 404, 409, 503))(show)
    app.post("/dead/replay", responses=problems.answers({200: DeadOutcome}, 409, 413, 415, 503))(replay)
    app.delete("/dead", responses=problems.answers({200: DeadOutcome}, 409, 413, 415, 503))(purge)
    app.register_error_handler(Busy, lambda error: Problem(409, str(error), retry_after=1).response())


def show_all(query: Listing) -> Response:
    """List dead letters, oldest first"""
    found, truncated = _dead_letters().list(_selection(query), query.limit)
    return json_response({"messages": [each.model_dump(exclude={"body"}) for each in found], "truncated": truncated})


def show(path: DeadId) -> Response:
    """One dead letter, with its body"""
    found, _ = _dead_letters().list(Selection(ids=frozenset([path.id])), 1)
    if not found:
        raise Problem(404, f"there is no dead letter with the id {path.id!r}")
    return json_response(found[0].model_dump())


def replay(body: Choice) -> Response:
    """Send dead letters to their queues again, with the same ids

    Each is confirmed by the broker before it stops being a dead letter: an interruption may double one, not lose it.
    """
    return json_response(asdict(_dead_letters().replay(_selection(body), body.limit, ONE_REQUEST)))


def purge(body: Choice) -> Response:
    """Throw dead letters away for good"""
    return json_response(asdict(_dead_letters().purge(_selection(body), body.limit, ONE_REQUEST)))


def _dead_letters() -> DeadLetters:
    s = services()
    return DeadLetters(s.address, s.contract)


def _selection(criteria: Criteria) -> Selection:
    ids = frozenset(criteria.ids) if isinstance(criteria, Choice) else frozenset()
    return Selection(ids, criteria.task, criteria.queue, criteria.run, criteria.reason)
