"""A stall that we make ourselves has to be in the percentiles as it is by hand.

Arrivals at a constant rate, a front end that stands still for S of T seconds: whoever arrives t seconds after its begin
waits S − t, so the share of all arrivals that waits for longer than w is (S − w) ÷ T. Turned round, the q-quantile is
S − (1 − q) · T, and no less than 0; to it comes what an answer takes anyway. What piled up takes D seconds to be
answered when the stall is over, one after the other: whoever arrives at t waits S − t · (1 − D ÷ S), so the quantile
is S − (1 − q) · T · (1 − D ÷ S). D is read from the run.
"""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from loadtests.analysis import join
from loadtests.analysis.histograms import QUANTILES, Latency
from loadtests.bench.locust_run import Load
from loadtests.generator import parts
from loadtests.report.terminal import seconds as shown
from loadtests.selfcheck.document import Row
from loadtests.selfcheck.ground import PHASE, WARMUP, Ground, NotTold, phase
from loadtests.selfcheck.stub import Answers, stub

STALL = 2.0
# Shorter than the gap between two arrivals, so that a generator with one connection would do for the rate.
ANSWERS = Answers(0.002)
# Senders: enough for the rate, and so few that the stall holds all of them at once. What falls due then is sent late,
# which is just when a latency that counted from sending would leave the waiting out.
USERS = 8
# A share of the stall: its instants are known to some milliseconds, and what piled up is not answered quite evenly.
BOUND = 0.05
# Percentiles by which a generator that waits for its answers hardly sees the stall: one request of hundreds.
BLIND = "p99"
STAGE = "scheduled_to_answered"
Life = tuple[float, float]  # scheduled and answered, epoch seconds

# When the stall began and ended, and how long what piled up took, beside the folder of the run, for the picture.
INSTANTS, RESULTS = "stall.json", "stalled"


def run(ground: Ground) -> list[Row]:
    """Raises NotTold, ProgramFailed, PhaseFailed."""
    # 1,200 arrivals, enough for a p99, of which the stall holds a sixth or a third: p90 lies within it.
    seconds, rate = (6.0, 200.0) if ground.short else (12.0, 100.0)
    with stub(ANSWERS, ground.folder) as front:
        load = Load(front.url, users=USERS, seed=ground.seed)
        results = ground.folder / RESULTS
        with _stalled(front.pid, results, WARMUP + seconds / 3) as instants:
            found = ground.measure(results.name, load, phase(seconds, rate))
    if len(instants) != 2:
        raise NotTold("the load ended before the stall did")
    began, ended = instants
    lives = read(results)
    drain = max(answered for due, answered in lives if due <= ended) - ended
    if drain > STALL / 2:
        raise NotTold(f"what had piled up took {shown(drain)} to be answered, too much of the stall's {shown(STALL)}")
    (ground.folder / INSTANTS).write_text(json.dumps([began, ended, drain]))
    latency = found.latency[STAGE]
    made = Made(ended - began, drain, latency.count / rate)
    ground.notes.append(
        f"the front end stood still for {shown(made.stall)} of {shown(made.length)}; what had piled up was answered "
        f"within {shown(drain)}"
    )
    waits = [answered - scheduled for scheduled, answered in answered_in_turn(lives)]
    rows = judge(latency, made, float(np.percentile(waits, QUANTILES[BLIND])))
    sent = found.ledger.sent
    return [Row(what="answered", expected=f"{sent:,}", seen=f"{found.ledger.accepted:,}", bound="equal",
                ok=sent == found.ledger.accepted), *rows]  # fmt: skip


@dataclass(frozen=True)
class Made:
    """A stall and what followed, in seconds. `length`: of all that is counted."""

    stall: float
    drain: float
    length: float

    def by_hand(self, share: float) -> float:
        """The quantile of how long arrivals waited."""
        slope = 1 - self.drain / self.stall
        return max(0.0, self.stall - (1 - share) * self.length * slope) + ANSWERS.floor


def judge(latency: Latency, made: Made, blind_says: float) -> list[Row]:
    """What was measured against what is so by hand. `blind_says`: seconds, at the percentile BLIND."""
    rows = []
    for name in ("p50", "p90", "p99"):
        measured: float | None = getattr(latency, name)
        wanted, least = (each.by_hand(QUANTILES[name] / 100) for each in (made, replace(made, drain=0.0)))
        # A busy machine can only add to the stall itself: what is missing of that was left out.
        rows.append(
            Row(
                what=name,
                expected=shown(wanted),
                seen=shown(measured),
                bound=f"± {shown(BOUND * STALL)}",
                ok=measured is not None and abs(measured - wanted) <= BOUND * STALL,
                by_clock=measured is None or measured > least - BOUND * STALL,
            )
        )
    rows.append(
        Row(
            what=f"{BLIND}, had it waited for each answer",
            expected="hardly any of the stall",
            seen=shown(blind_says),
            bound=f"< {shown(STALL / 4)}",
            ok=blind_says < STALL / 4,
            by_clock=True,
        )
    )
    return rows


def answered_in_turn(lives: Sequence[Life]) -> list[Life]:
    """Those of a run that a generator with one connection would have sent: it leaves out what falls due while it waits
    for an answer, and so hardly sees a stall (coordinated omission)."""
    told, free = [], 0.0
    for scheduled, answered in lives:
        if scheduled >= free:
            told.append((scheduled, answered))
            free = answered
    return told


def read(results: Path) -> list[Life]:
    """(scheduled, answered) of the tasks that count, by schedule."""
    with join.database() as db:
        join.view(db, results)
        query = "SELECT scheduled, answered FROM tasks WHERE NOT warmup AND answered IS NOT NULL ORDER BY scheduled"
        return db.execute(query).fetchall()


@contextlib.contextmanager
def _stalled(pid: int, results: Path, after: float) -> Iterator[list[float]]:
    """Stop a process for STALL seconds, `after` seconds from the load's begin. Yields both instants, once they are."""
    instants: list[float] = []
    over = threading.Event()

    def play() -> None:
        meta = parts.folder(results, PHASE) / "phase.json"
        while not meta.exists():
            if over.wait(0.02):
                return
        started = next(each["started"] for each in join.phases(results))
        if over.wait(max(0.0, started + after - time.time())):
            return
        # Noted within it: on a busy machine the stall may be longer than is noted, and is never shorter.
        os.kill(pid, signal.SIGSTOP)
        instants.append(time.time())
        over.wait(STALL)
        instants.append(time.time())
        os.kill(pid, signal.SIGCONT)

    player = threading.Thread(target=play, name="stall", daemon=True)
    player.start()
    try:
        yield instants
    finally:
        over.set()
        player.join()
