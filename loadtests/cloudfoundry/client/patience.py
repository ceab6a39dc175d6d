"""How long we wait, and how often we ask: one place for all of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Seconds, but for `attempts`.

    connect, read        for a connection, for an answer
    backoff              before a request is repeated; doubled each time, up to `backoff_most`
    retry_after          the longest wait that a 429 may ask for
    poll                 between two looks at what goes on; grows to `poll_most`
    start_answer         for the answer to a start. Korifi gives it when all instances run, minutes later when they
                         crash: the instances themselves say it sooner
    ready                until all instances of an app run
    crash                a crashed instance may come back by itself (its broker was not there yet) before we give up
    steady               running without a break for so long is running; after a crash, `steady_after_crash`
    settled              the same where a foundation has no names for instances, to tell new ones from old
    """

    connect: float = 10.0
    read: float = 60.0
    attempts: int = 6
    backoff: float = 0.5
    backoff_most: float = 15.0
    retry_after: float = 120.0
    poll: float = 0.3
    poll_most: float = 2.0
    start_answer: float = 5.0
    ready: float = 300.0
    crash: float = 20.0
    steady: float = 2.0
    steady_after_crash: float = 10.0
    settled: float = 5.0
