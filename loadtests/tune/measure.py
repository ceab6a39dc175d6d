"""One evaluation of a candidate: a saturated run for throughput and memory, and one at a fixed rate for latency."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from loadtests.analysis import join, manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.histograms import QUANTILES
from loadtests.analysis.result import Result
from loadtests.analysis.stages import HEADLINE
from loadtests.bench.locust_run import Load, Phase, Tick, run_phase
from loadtests.bench.target import Target
from loadtests.generator import parts
from loadtests.tune.candidate import Candidate
from loadtests.tune.document import Measured
from loadtests.tune.ground import POOL

# Seconds that are cut off at the start of each run.
WARMUP = 1.0
# The first look at a task, of which nothing is known: so many tasks.
LOOK_TASKS = 200
# Seconds for a saturated run with its draining: it ends with its tasks, unless the candidate is very slow.
LIMIT = 120.0
# Tasks of a saturated run, in shares of what is expected to be done: there must always be one waiting.
ENOUGH = 1.5
# So many times as many, when all were done within the warm-up; and how often that may happen.
MORE, TRIES = 4, 3
# The end of a saturated run, in which single workers empty what they had prefetched, begins after this share of it.
STEADY = 0.9
# Of a candidate's throughput, the share up to which its latency is worth reading: beyond it a queue only grows.
ROOM = 0.95
THROUGHPUT, LATENCY = "throughput", "latency"


@dataclass(frozen=True)
class Lengths:
    """Seconds of a saturated run and of a run at a fixed rate. `latency` 0: none."""

    throughput: float
    latency: float


@dataclass
class Pace:
    """What is known of a task's speed, so that runs take about as long as they are meant to."""

    service: float = 0.0  # seconds of one slot for one task
    fastest: float = 0.0  # tasks a second of the fastest candidate so far

    def tasks(self, candidate: Candidate, seconds: float) -> int:
        """How many saturate that candidate for so long."""
        slots = candidate.slots / self.service if self.service > 0 else self.fastest
        return max(1, round(ENOUGH * min(self.fastest, slots) * seconds))


@dataclass
class Meter:
    """What is needed to measure: what is sent, where results go, whom to tell."""

    load: Load
    results: Path
    run: str
    tick: Callable[[str], Tick]
    pace: Pace = field(default_factory=Pace)

    def look(self, target: Target) -> None:
        """Learn how long a task takes. Raises PhaseFailed, BadResults."""
        name = "first-look"
        folder = self._phase(target, name, Phase(name, LIMIT, tasks=LOOK_TASKS), sampled=False)
        with join.database() as db:
            join.view(db, folder)
            row = db.execute(
                """SELECT median(finished - started), count(*) / 2 / (max(finished) - median(finished))
                   FROM tasks WHERE finished IS NOT NULL HAVING max(finished) > median(finished)"""
            ).fetchone()
        if not row or row[0] is None:
            raise join.BadResults(f"{folder}: no task was finished; does it work at all? `warren report {folder}`")
        self.pace = Pace(service=row[0], fastest=row[1])

    def throughput(self, target: Target, candidate: Candidate, name: str, seconds: float, into: Measured) -> None:
        """Fill in throughput, memory, and what became of the tasks."""
        pace = self.pace
        for number in range(1, TRIES + 1):
            phase = Phase(THROUGHPUT, LIMIT, tasks=pace.tasks(candidate, WARMUP + seconds))
            folder = self._phase(target, f"{name}/{THROUGHPUT}{f'-{number}' if number > 1 else ''}", phase)
            result = _account(folder, into)
            if into.reasons:
                return
            (into.throughput, into.sender_bound), into.memory = saturated(folder), memory(folder)
            if into.throughput is not None:
                self.pace = replace(self.pace, fastest=max(self.pace.fastest, into.throughput))
                return
            # It is faster than anything before it, or a task is quicker than was seen: more is sent either way.
            pace = Pace(pace.service / MORE, MORE * pace.fastest)
        into.reasons.append(f"{result.ledger.finished:,} tasks within the warm-up of {WARMUP:g} s: too few to tell")

    def latency(self, target: Target, name: str, seconds: float, rate: float, into: Measured) -> None:
        """Fill in latency at that rate, unless the candidate cannot carry it."""
        into.carries = into.throughput is not None and rate <= ROOM * into.throughput
        if not into.carries:
            return
        phase = Phase(LATENCY, seconds, WARMUP, rate, arrivals="poisson")
        result = _account(self._phase(target, f"{name}/{LATENCY}", phase), into)
        if not into.reasons:
            found = result.latency[HEADLINE]
            into.latency = {key: getattr(found, key) for key in ("mean", *QUANTILES)}

    def _phase(self, target: Target, name: str, phase: Phase, sampled: bool = True) -> Path:
        folder = self.results / name
        folder.mkdir(parents=True)
        manifest.write(folder, manifest.manifest(target.contract, target.facts))
        load = replace(self.load, url=target.url, token=target.token)
        run = f"{self.run}.{name.replace('/', '.')}"
        if target.sampler and sampled:
            with target.sampler(parts.folder(folder, phase.name)):
                run_phase(load, phase, folder, run, self.tick(name))
        else:
            run_phase(load, phase, folder, run, self.tick(name))
        if not sampled:
            analyse(folder, Asked())
        return folder


def _account(folder: Path, into: Measured) -> Result:
    result = analyse(folder, Asked())
    into.reasons += result.reasons
    if any(phase.get("ended") is None for phase in join.phases(folder)):
        return result  # nobody followed its tasks to their end
    book = result.ledger
    into.accepted += book.accepted
    into.missing += book.missing
    into.duplicated += book.duplicated
    return result


def saturated(folder: Path) -> tuple[float | None, bool]:
    """Tasks a second, from the end of the warm-up until as long as tasks were sent or nearly all of them were done.

    None: next to nothing was done after the warm-up. And whether nearly all were done before the last was sent: then it
    is the sender's rate, and the candidate carries at least that.
    """
    with join.database() as db:
        join.view(db, folder)
        row = db.execute(
            """WITH span AS (SELECT min(sent) + $1 AS begin,
                 greatest(max(sent), quantile_cont(finished, $2)) AS until,
                 quantile_cont(finished, $2) < max(sent) AS sender_bound FROM tasks WHERE outcome = 'accepted')
               SELECT count(*) FILTER (finished > begin AND finished <= until), any_value(until - begin),
                 any_value(sender_bound) FROM tasks, span""",
            [WARMUP, STEADY],
        ).fetchone()
    if not row or row[1] is None or row[1] < WARMUP / 2 or not row[0]:
        return None, False
    return float(row[0] / row[1]), bool(row[2])


def memory(folder: Path) -> float | None:
    """MiB: the most that all processes of the pool held at once. Pages that children share count for each."""
    with join.database() as db:
        join.load_kind(db, folder, "cpu")
        row = db.execute(
            "SELECT max(held) FROM (SELECT sum(rss) / 1048576 AS held FROM cpu WHERE role = ? GROUP BY ts)", [POOL]
        ).fetchone()
    return float(row[0]) if row and row[0] is not None else None
