"""A stall that we make ourselves has to be in the percentiles as it is by hand.

Arrivals at a constant rate, a front end that stands still for S of T seconds: whoever arrives t seconds after its begin
waits S − t, so the share of all arrivals that waits for longer than w is (S − w) ÷ T. Turned round, the q-quantile is
S − (1 − q) · T, and no less than 0; to it comes what an answer takes anyway.
"""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
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
# A share of the stall: what piled up in it takes a moment to be answered when it is over.
BOUND = 0.05
# Percentiles by which a generator that waits for its answers hardly sees the stall: one request of hundreds.
BLIND = "p99"
STAGE = "scheduled_to_answered"
Life = tuple[float, float]  # scheduled and answered, epoch seconds

# When the stall began and ended, beside the folder of the run, for the picture.
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
    (ground.folder / INSTANTS).write_text(json.dumps(instants))
    stall = instants[1] - instants[0]
    latency = found.latency[STAGE]
    ground.notes.append(f"the front end stood still for {stall:.3f} s of {latency.count / rate:.1f} s")
    waits = [answered - scheduled for scheduled, answered in answered_in_turn(read(results))]
    rows = judge(latency, stall, latency.count / rate, float(np.percentile(waits, QUANTILES[BLIND])))
    sent = found.ledger.sent
    return [Row(what="answered", expected=f"{sent:,}", seen=f"{found.ledger.accepted:,}", bound="equal",
                ok=sent == found.ledger.accepted), *rows]  # fmt: skip


def by_hand(share: float, stall: float, length: float) -> float:
    """The quantile, in seconds, of arrivals over `length` seconds with a stall of `stall` seconds among them."""
    return max(0.0, stall - (1 - share) * length) + ANSWERS.floor


def judge(latency: Latency, stall: float, length: float, blind_says: float) -> list[Row]:
    """What was measured against what is so by hand. `blind_says`: seconds, at the percentile BLIND."""
    rows = []
    for name in ("p50", "p90", "p99"):
        measured: float | None = getattr(latency, name)
        wanted = by_hand(QUANTILES[name] / 100, stall, length)
        # A busy machine can only add to it: what is missing of the stall was left out.
        rows.append(
            Row(
                what=name,
                expected=shown(wanted),
                seen=shown(measured),
                bound=f"± {shown(BOUND * STALL)}",
                ok=measured is not None and abs(measured - wanted) <= BOUND * STALL,
                by_clock=measured is None or measured > wanted,
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
