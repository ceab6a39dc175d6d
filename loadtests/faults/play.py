"""Plays one fault in the middle of a load, and accounts for every task of it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from app.contract import Contract
from loadtests.analysis import clocks
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.stages import HEADLINE
from loadtests.bench.locust_run import Load, Phase, Tick, run_phase
from loadtests.clocks.watch import Ways, watched
from loadtests.faults import outcome
from loadtests.faults.document import Outcome, Recovery
from loadtests.faults.hands import Hands
from loadtests.faults.schedule import LASTING, Fault, Schedule
from loadtests.generator import parts

# Of the load before a fault, the share that is warm-up.
WARMUP = 0.25
# Of such a run times say nothing; its ledger may.
NOT_WHOLE = "the stack was not whole again while there was load: a longer `after`"


@dataclass
class Playing:
    """Begins a fault when the load has run for `before` seconds, and ends it. Instants are epoch seconds."""

    fault: Fault
    hands: Hands
    before: float
    meta: Path  # phase.json, which says since when there is load
    say: Callable[[str], None]
    shown: Tick
    started: float | None = None
    touched: bool = False
    began: float | None = None
    ended: float | None = None

    def tick(self, passed: float, length: float) -> None:
        self.shown(passed, length)
        now = time.time()
        if self.started is None:
            self.started = _started(self.meta)
        elif self.began is None:
            if now >= self.started + self.before:
                self.touched = True
                self.hands.begin(self.fault)
                # What lasts counts from when it is in force; what is done at once, from when it is done.
                self.began = time.time() if self.fault.do in LASTING else now
        elif self.ended is None and now >= self.began + (self.fault.lasts or 0.0):
            self.say(f"{self.fault.do}: done after {now - self.began:.1f} s, waiting until all of the stack works")
            self.hands.end(self.fault)
            self.ended = time.time()


def play(
    name: str,
    schedule: Schedule,
    hands: Hands,
    load: Load,
    contract: Contract,
    folder: Path,
    run: str,
    say: Callable[[str], None],
    shown: Tick,
    ways: Ways | None = None,
) -> Outcome:
    """One fault of a schedule, by name; parts and records go to `folder`. Raises PhaseFailed, StackError, BadResults.

    Whatever ends it, the fault is put back. `ways`: see Target.clocks; with them the folder has a manifest already.
    """
    fault = schedule.faults[name]
    length = schedule.length(fault)
    warmup = schedule.before * WARMUP
    load = replace(load, what=(*load.what, "--task", fault.task, "--args", json.dumps(fault.args)))
    phase = Phase(name, length - warmup, warmup, schedule.rate, arrivals="poisson")
    playing = Playing(fault, hands, schedule.before, parts.folder(folder, name) / "phase.json", say, shown)
    hands.aim(fault)
    with watched(folder, ways):
        try:
            run_phase(load, phase, folder, f"{run}.{name}", playing.tick)
        finally:
            if playing.touched and playing.ended is None:
                hands.end(fault)
    return account(name, fault, schedule, contract, folder, playing)


def account(name: str, fault: Fault, schedule: Schedule, contract: Contract, folder: Path, played: Playing) -> Outcome:
    """What came of it, from the folder's parts. Raises BadResults."""
    result = analyse(folder, Asked())
    book, began, ended = result.ledger, played.began, played.ended
    reasons = list(result.reasons)
    length = schedule.length(fault)
    if began is None:
        reasons.append("the fault never came: the load ended before")
    elif ended is None or played.started is None or ended > played.started + length:
        reasons.append(NOT_WHOLE)
    if book.accepted < schedule.tasks:
        reasons.append(f"{book.accepted:,} tasks were accepted, fewer than the {schedule.tasks:,} that were wanted")
    nothing = Recovery(first_success=None, usual=None, back=None, silence=None)
    return Outcome(
        name=name,
        do=fault.do,
        task=fault.task,
        seconds=length,
        started=played.started,
        began=began,
        ended=ended,
        ledger=book,
        # No time comes out of a run that is not valid.
        recovery=nothing if reasons or began is None or ended is None else outcome.recovery(folder, began, ended),
        order=outcome.order(folder, began or result.started),
        twice=outcome.twice(folder, book, contract),
        valid=not reasons,
        reasons=reasons,
        notes=clocks.notes({HEADLINE: result.latency[HEADLINE]}, result.clocks),
    )


def _started(meta: Path) -> float | None:
    """Since when there is load; None: there is none yet."""
    try:
        return float(json.loads(meta.read_text(encoding="utf-8"))["started"])
    except (OSError, ValueError, KeyError):
        return None
