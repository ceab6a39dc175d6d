"""Hands this process' share of the plan to its senders, each arrival at its instant."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import gevent
from gevent.event import Event

from loadtests.generator.schedule import Arrival


@dataclass(frozen=True, slots=True)
class Due:
    """An arrival whose instant has come. `scheduled`: that instant; `free`: when a sender was there; epoch seconds.

    When `free` is later than `scheduled`, every sender was waiting for an answer: the stack's doing, and part of the
    latency. What passes from the later of the two until `sent` is the generator's own lateness.
    """

    arrival: Arrival
    scheduled: float
    free: float


class Pacer:
    """Senders (greenlets) take arrivals from it until it is halted or the plan ends."""

    def __init__(self, arrivals: Iterator[Arrival], started: float) -> None:
        self._arrivals = arrivals
        self._started = started
        self._halted = Event()
        # Arrivals in a sender's hands: waiting for their instant, or sent and not answered yet.
        self.in_hand = 0
        self.in_flight = 0
        self.ended = Event()
        # Scheduled instant of the latest arrival taken: how far behind the plan this process is.
        self.latest = started

    def take(self) -> Due | None:
        """The next arrival, once its instant has come; None when there is none any more."""
        if self._halted.is_set():
            return None
        arrival = next(self._arrivals, None)
        if arrival is None:
            self.ended.set()
            return None
        self.in_hand += 1
        free = time.time()
        if arrival.at is None:
            return self._sending(Due(arrival, free, free))
        scheduled = self._started + arrival.at
        wait = scheduled - free
        # Waiting on the event rather than sleeping: a halt is heard at once.
        if wait > 0:
            self._halted.wait(wait)
        # Asked again: the wait may have ended just before the halt, and this greenlet only runs now.
        if self._halted.is_set():
            self.in_hand -= 1
            return None
        return self._sending(Due(arrival, scheduled, free))

    def _sending(self, due: Due) -> Due:
        self.latest = max(self.latest, due.scheduled)
        self.in_flight += 1
        return due

    def done(self) -> None:
        """The arrival taken last by this sender was answered, or will not be."""
        self.in_flight -= 1
        self.in_hand -= 1

    def halt(self, patience: float) -> bool:
        """Hand out nothing more and wait for what is in flight. False when that took longer than `patience` seconds."""
        self._halted.set()
        deadline = time.monotonic() + patience
        while self.in_flight and time.monotonic() < deadline:
            gevent.sleep(0.02)
        return self.in_flight == 0

    @property
    def halted(self) -> bool:
        return self._halted.is_set()
