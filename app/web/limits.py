"""How much one request may send, and how many requests may wait at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from flask import Flask, current_app, request

from app.contract import Contract
from app.web.problems import RETRY_AFTER, Problem

# Seconds that one request may wait for something to happen, however much it asks for.
LONGEST_WAIT = 30.0
# Bytes of a refused body that are taken off the connection and thrown away. A server that closes it unread resets it,
# and a client far away then sees no answer but a broken connection.
_DISCARDED, _CHUNK = 16_000_000, 64_000


def init(app: Flask, contract: Contract) -> None:
    """Refuse bodies above `web.max_body`, before they are read."""
    app.config["MAX_CONTENT_LENGTH"] = app.config["MAX_FORM_MEMORY_SIZE"] = int(contract.web.max_body)


def read_body() -> bytes:
    """The request's body. Raises Problem 413.

    Not `request.get_data`, which cuts a body of unsaid length (chunked) at the limit and says nothing.
    """
    limit, length = current_app.config["MAX_CONTENT_LENGTH"], request.content_length
    if length is None or length <= limit:
        body: bytes = request.environ["wsgi.input"].read(limit + 1 if length is None else length)
        if len(body) <= limit:
            return body
    discard_body()
    raise Problem(413, f"the body is larger than {limit} bytes (web.max_body in stack.yml); send less at a time")


def discard_body() -> None:
    """Read what is left of a refused body, within bounds."""
    for _ in range(_DISCARDED // _CHUNK):
        if not request.environ["wsgi.input"].read(_CHUNK):
            break


def json_body() -> bytes:
    """The request's body, which must be JSON; none at all counts as `{}`. Raises Problem 413 or 415."""
    body = read_body()
    if not body:
        return b"{}"
    if request.environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "the body must be JSON: send it with Content-Type: application/json")
    return body


class Waiters:
    """Places for requests that wait and hold a thread meanwhile, so that others always find a free one."""

    def __init__(self, places: int) -> None:
        self._free = BoundedSemaphore(places)

    def take(self) -> "Place | None":
        """A place, to be given back; None when all are taken."""
        return Place(self._free) if self._free.acquire(blocking=False) else None

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Whether there was a free place, for as long as the block runs."""
        place = self.take()
        try:
            yield place is not None
        finally:
            if place:
                place.give_back()

    def refuse(self) -> Problem:
        return Problem(
            503, "too many requests are waiting already (web.waiters in stack.yml); try again", RETRY_AFTER, sent="no"
        )


class Place:
    """One taken place."""

    def __init__(self, free: BoundedSemaphore) -> None:
        self._free: BoundedSemaphore | None = free

    def give_back(self) -> None:
        """Once; further calls do nothing."""
        free, self._free = self._free, None
        if free:
            free.release()
