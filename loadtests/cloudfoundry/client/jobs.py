"""What a foundation does in the background: asked after until it is done, and no longer than it may take."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar
from urllib.parse import urlsplit

import requests

from loadtests.cloudfoundry.client.errors import ApiError, JobFailed, TimedOut
from loadtests.cloudfoundry.client.pages import parse
from loadtests.cloudfoundry.client.patience import Patience
from loadtests.cloudfoundry.client.resources import Job
from loadtests.cloudfoundry.client.transport import Transport

# Seconds. Service brokers may take minutes for an instance.
JOB = 600.0
ENDED = ("COMPLETE", "FAILED")

T = TypeVar("T")


def looks(patience: Patience, within: float, what: str) -> Iterator[float]:
    """Seconds so far, once for each look, ever further apart. Raises TimedOut when `within` is over."""
    began, pause = time.monotonic(), patience.poll
    while True:
        passed = time.monotonic() - began
        yield passed
        if passed >= within:
            raise TimedOut(f"{what}: not done within {within:.0f} s; the foundation may still be at it")
        time.sleep(min(pause, max(0.0, within - passed)))
        pause = min(pause * 1.5, patience.poll_most)


def until(get: Callable[[], T], done: Callable[[T], bool], patience: Patience, within: float, what: str) -> T:
    """The first of what `get` returns that is `done`. Raises TimedOut."""
    for _ in looks(patience, within, what):
        if done(found := get()):
            return found
    raise AssertionError("unreachable")


def finish(transport: Transport, answer: requests.Response, within: float = JOB) -> Job | None:
    """Wait for the job that an answer names; None when it names none: then all is done already.

    Raises JobFailed with the foundation's reasons, or TimedOut.
    """
    location = answer.headers.get("Location", "")
    if answer.status_code != 202 or "/v3/jobs/" not in location:
        return None
    path = urlsplit(location).path
    what = f"{answer.request.method} {urlsplit(answer.url).path}"
    job = until(
        lambda: parse(Job, transport.get(path)), lambda job: job.state in ENDED, transport.patience, within, what
    )
    for warning in job.warnings:
        transport.say(f"{what}: {warning.detail}")
    if job.state == "FAILED":
        raise JobFailed(job.operation or what, job.errors)
    return job


def remove(transport: Transport, path: str, within: float = JOB) -> bool:
    """Delete, and wait until it is gone. False when there was nothing."""
    try:
        finish(transport, transport.request("DELETE", path), within)
    except ApiError as error:
        if error.status == 404:
            return False
        raise
    return True
