"""How a run learns what becomes of its tasks: from the front end, from the broker's events, or not at all."""

import logging
import time
from typing import TYPE_CHECKING

from loadtests.generator.broker import TIMEOUT, BrokerUnusable, EventFollower, Link, watch_depth
from loadtests.generator.follower import Follower
from loadtests.generator.front_end import FrontEndError
from loadtests.generator.watch import watch_queues

if TYPE_CHECKING:
    from loadtests.generator.run import LoadRun

log = logging.getLogger("warren")


class NotStarted(Exception):
    """The run cannot start; nothing was sent. The text says what to do."""


def begin(run: "LoadRun") -> Follower | EventFollower | None:
    """Start following, in greenlets of the run's. None: nobody tells. Raises NotStarted."""
    if not run.measured:
        return None
    return _by_broker(run) if run.options.broker else _by_front_end(run)


def _by_front_end(run: "LoadRun") -> Follower | None:
    try:
        run.front.records(run.run_id, None, time.time(), 0)
    except FrontEndError as error:
        if error.status != 404:
            raise NotStarted(str(error)) from error
        log.warning("this front end tells nothing of its tasks (no /runs): only its answers are measured")
        return None
    follower = Follower(run.front, run.run_id, run.options.started, run.part("records"), run.on_task)
    run.spawn(follower.follow)
    run.spawn(watch_queues, run.part("queues"), run.front)
    return follower


def _by_broker(run: "LoadRun") -> EventFollower:
    link = Link(run.options.broker, run.options.queue)
    try:
        link.depth()
    except BrokerUnusable as error:
        raise NotStarted(str(error)) from error
    follower = EventFollower(run.options.broker, run.run_id, run.part("records"), run.on_task)
    run.spawn(follower.follow)
    # What the workers tell before somebody listens is lost.
    if not follower.ready.wait(TIMEOUT):
        raise NotStarted("the broker's task events cannot be read; see the log")
    run.spawn(watch_depth, run.part("queues"), link, run.options.queue)
    return follower
