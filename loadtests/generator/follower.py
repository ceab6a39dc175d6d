"""Follows a run's records through the front end, until every accepted task is accounted for."""

import logging
import time
from collections.abc import Callable
from typing import Any

import gevent

from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.generator.parts import Part

log = logging.getLogger(__name__)

# Seconds between two looks. Each costs the front end a connection to the broker, however few the records; rare looks
# only make `known` coarser.
PAUSE = 2.0
# Seconds before the run's start from which records are read. A closed loop's first users send while the last are still
# being started, and the broker goes by its own clock.
EARLIER = 5.0
# Records handled before other greenlets get a turn: the senders must not wait for it.
CHUNK = 50
# How an attempt ends a task for good; `retry` and a lost worker do not.
FINAL = frozenset({"success", "failure", "revoked", "expired"})
FINISHED = frozenset({"success", "failure"})


class Follower:
    """Reads records, writes them to their part and reports each finished task to `on_task(record)`."""

    def __init__(self, front: FrontEnd, run: str, since: float, part: Part, on_task: Callable[[dict[str, Any]], None]):
        self._front, self._run, self._since = front, run, since
        self._part, self._on_task = part, on_task
        self._cursor: str | None = None
        self._stopped = False
        self.accounted: set[str] = set()
        # Sends without a clear answer. Their tasks may well finish, and must not stand for accepted ones that have not.
        self.unknown: set[str] = set()
        self.news = time.monotonic()

    def follow(self) -> None:
        """Read until `stop`. A front end that is away is asked again: the records wait in the broker."""
        while not self._stopped:
            try:
                found = self.read(wait=1.0)
            except FrontEndError as error:
                log.warning("records: %s", error)
                if error.permanent:
                    return
                gevent.sleep(1.0)
                continue
            if found < 1000:
                gevent.sleep(PAUSE)

    def stop(self) -> None:
        self._stopped = True

    def read(self, wait: float) -> int:
        """One look; how many records it brought. Raises FrontEndError."""
        records, self._cursor = self._front.records(self._run, self._cursor, max(0.0, self._since - EARLIER), wait)
        known = round(time.time(), 6)
        for index, record in enumerate(records):
            if index % CHUNK == CHUNK - 1:
                gevent.sleep(0)
            self._take(record, known)
        if records:
            self.news = time.monotonic()
        return len(records)

    def _take(self, record: dict[str, Any], known: float) -> None:
        record["known"] = known
        self._part.write(record)
        state, task_id = record.get("state"), record.get("id")
        # Earlier phases of a run have records too; their tasks were planned before this one began.
        if state not in FINAL or not task_id or task_id in self.accounted:
            return
        if (record.get("scheduled") or known) < self._since - 1:
            return
        self.accounted.add(task_id)
        if state in FINISHED:
            self._on_task(record)

    def settled(self) -> int:
        """How many accepted tasks are accounted for."""
        return len(self.accounted) - len(self.accounted & self.unknown)

    def dead_letters(self) -> list[dict[str, Any]]:
        """The run's dead letters; they are accounted for. A front end that has none to tell of has none here."""
        try:
            letters, truncated = self._front.dead(self._run)
        except FrontEndError as error:
            if not error.permanent:
                raise
            return []
        if truncated:
            log.warning("there are more dead letters than can be listed; the ledger will miss some")
        self.accounted.update(letter["id"] for letter in letters if letter.get("id"))
        return letters


def until_quiet(follower: Any, seconds: float) -> list[dict[str, Any]]:
    """Read until nothing came for so long. The dead letters, as far as they can be had."""
    follower.news = time.monotonic()
    try:
        while time.monotonic() - follower.news < seconds:
            follower.read(wait=0.5)
        found: list[dict[str, Any]] = follower.dead_letters()
    except FrontEndError as error:
        log.warning("records: %s", error)
        return []
    return found


def drain(follower: Any, accepted: int, patience: float, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Wait until `accepted` tasks are accounted for, or nothing new came for `patience` seconds. The dead letters."""
    said, looked, letters = 0.0, 0.0, list[dict[str, Any]]()
    follower.news = time.monotonic()
    while True:
        before = len(follower.accounted)
        try:
            follower.read(wait=0.5)
            if follower.settled() < accepted and time.monotonic() - looked > 2:
                letters, looked = follower.dead_letters(), time.monotonic()
        except FrontEndError as error:
            say(f"drain: {error}")
            if error.permanent:
                return letters
            gevent.sleep(1.0)
        now = time.monotonic()
        if len(follower.accounted) > before:
            follower.news = now
        if follower.settled() >= accepted or now - follower.news > patience:
            break
        if now - said > 1:
            said = now
            say(f"drain: {follower.settled():,} of {accepted:,} accepted tasks accounted for")
        gevent.sleep(0.05)
    lacking = accepted - follower.settled()
    if lacking > 0:
        say(f"drain: {lacking:,} of {accepted:,} accepted tasks missing; nothing came for {patience:g} s")
    else:
        say(f"drain: all {accepted:,} accepted tasks accounted for")
    return letters
