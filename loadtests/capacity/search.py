"""Measures one number of workers: the highest rate that meets the objectives, then runs for the model and its test."""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from loadtests.analysis import clocks, manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.backlog import SETTLED, SIGMAS, more_than_chance
from loadtests.analysis.histograms import BEYOND, QUANTILES
from loadtests.analysis.result import Probe, Result
from loadtests.analysis.stages import HEADLINE
from loadtests.bench.locust_run import Load, Phase, run_phase
from loadtests.bench.plan import LONGEST, TasksTooLong, lengthened
from loadtests.bench.search import Search
from loadtests.bench.search import search as find
from loadtests.bench.target import Target
from loadtests.bench.verdict import judge, settled
from loadtests.capacity import saturation
from loadtests.capacity.document import Arm, Point, Use
from loadtests.clocks.watch import watched
from loadtests.gate import slo
from loadtests.gate.slo import Objective, Outcome
from loadtests.generator import parts

# Of a task nothing is known: the first look sends so many of them. Then the load may leave so many seconds of work.
LOOK_TASKS, WORK = 20, 60.0
# Tasks a second of the next look: what cannot carry these is not flooded to find out what it can.
LOOK = 150.0
# A rate that is too high by this share must show within a run, against chance.
TELLS = 0.1


class CannotTell(Exception):
    """An objective of which runs of this length can say nothing; the text says what would help."""


@dataclass(frozen=True)
class Lengths:
    """Seconds of each run, how many rates the search tries, and at which shares of the found one the model is fed."""

    calibrate: float = 5.0
    probe: float = 8.0
    probes: int = 4
    warmup: float = 1.5
    fit: tuple[float, ...] = (0.3, 0.6, 0.85)
    held_out: tuple[float, ...] = (0.45, 0.75)
    tries: int = 2  # of a run whose generator did not keep up, which may have been chance


SHORT = Lengths(calibrate=3.0, probe=4.0, probes=2, warmup=1.0, fit=(0.4,), held_out=(0.7,), tries=1)


@dataclass
class Bench:
    """What is needed to measure: where, what, how long, and whom to tell."""

    load: Load
    target: Target
    results: Path
    run: str
    lengths: Lengths
    objectives: list[Objective]
    pool: saturation.Pool
    say: Callable[[str], None]
    tick: Callable[[str], Callable[[float, float], None]]
    notes: list[str] = field(default_factory=list)  # on the runs so far
    took: float = 0.0  # seconds of a worker for one task, as the first look told

    def arm(self, workers: int | None) -> Arm:
        """Measure. `workers`: as it was set up; None: whatever is there. Raises CannotTell, PhaseFailed."""
        prefix = f"{workers}-" if workers else ""
        first = self._estimate(prefix)
        points = [first]
        self.say(f"{first.name}: about {first.done:,.0f} tasks/s as fast as answers come")
        found = Search()
        if first.done > 0:
            found = find(
                lambda number, rate: self._probe(f"{prefix}search-{number}", rate, points),
                first.done,
                self.lengths.probes,
            )
        for use, shares in (("fit", self.lengths.fit), ("held out", self.lengths.held_out)):
            for share in shares if found.best else ():
                rate = float(f"{(found.best or 0) * share:.3g}")
                name = f"{prefix}{use.replace(' ', '-')}-{share:.0%}".rstrip("%")
                points.append(self._again(name, use, rate))  # type: ignore[arg-type]
        part, why = saturation.name_first(points)
        return Arm(
            workers=workers or max((point.processes for point in points), default=0),
            slots=self.pool.slots,
            lanes=self.pool.lanes,
            points=points,
            rate=found.best,
            limit=found.limit,
            at_least=found.best is not None and found.generator_bound,
            first=part,
            why=why,
        )

    def _estimate(self, prefix: str) -> Point:
        """A first idea of the highest rate, and of how long tasks take. Raises CannotTell."""
        # Senders do not wait for workers: of tasks that take long, seconds of them would take minutes to be done.
        first = self._measure(f"{prefix}first-look", "calibrate", None, LONGEST, tasks=LOOK_TASKS)
        self._allow_for(settled(self.results / first.name, first.name))
        work, seconds = first.done * WORK, self.lengths.calibrate
        if work < 2 * LOOK_TASKS:
            return first
        if work < LOOK * seconds:
            more = self._measure(f"{prefix}second-look", "calibrate", None, LONGEST, tasks=round(work))
            return more if more.done > 0 else first
        look = more = self._measure(f"{prefix}second-look", "calibrate", LOOK, seconds)
        if look.verdict != "growing" or look.done <= 0:
            more = self._measure(f"{prefix}calibrate", "calibrate", None, seconds)
        # A generator that came too late for so short a run tells nothing; a look does.
        return next((each for each in (more, look) if each.done > 0), first)

    def _allow_for(self, settling: float) -> None:
        """Long tasks take long runs. Raises CannotTell when these would be too long."""
        self.took = settling / SETTLED
        try:
            probe, warmup = lengthened(self.lengths.probe, self.lengths.warmup, settling)
        except TasksTooLong as error:
            raise CannotTell(str(error)) from error
        if warmup != self.lengths.warmup:
            self.say(f"tasks are long: warm-up {warmup:.1f} s, runs of {probe:.0f} s")
        self.lengths = replace(self.lengths, probe=probe, warmup=warmup)

    def _probe(self, name: str, rate: float, points: list[Point]) -> Probe:
        point = self._again(name, "search", rate)
        points.append(point)
        verdict = {"met": "sustained", "invalid": "generator saturated"}.get(point.verdict, "overloaded")
        return Probe(
            phase=name, offered=rate, done=point.done, slope=point.slope, verdict=verdict, why=point.why
        )  # fmt: skip

    def _again(self, name: str, use: Use, rate: float) -> Point:
        """One run, and another in its place when the generator did not keep up."""
        seconds = self.lengths.probe
        if use == "search":
            seconds = length(self.objectives, rate, max(seconds, telling(rate, self.took)))
        point = self._measure(name, use, rate, seconds)
        self.say(f"{name}: {rate:,.0f} tasks/s {point.verdict}: {point.why}")
        if point.verdict == "invalid" and self.lengths.tries > 1:
            point = self._measure(f"{name}-again", use, rate, seconds)
            self.say(f"{name}-again: {rate:,.0f} tasks/s {point.verdict}: {point.why}")
        return point

    def _measure(self, name: str, use: Use, rate: float | None, seconds: float, tasks: int = 0) -> Point:
        folder = self.results / name
        folder.mkdir(parents=True)
        manifest.write(folder, manifest.manifest(self.target.contract, self.target.facts))
        sampled = parts.folder(folder, name)
        warmup = 0.0 if tasks else self.lengths.warmup
        phase = Phase(name, seconds, warmup, rate, "poisson" if rate else "constant", tasks)
        sampler = self.target.sampler(sampled) if self.target.sampler else nullcontext()
        with watched(folder, self.target.clocks), sampler:
            run_phase(self.load, phase, folder, f"{self.run}.{name}", self.tick(name))
        probe, result = judge(folder, name, rate), analyse(folder, Asked())
        told = clocks.notes({HEADLINE: result.latency[HEADLINE]}, result.clocks)
        self.notes += [f"{name}: {note}" for note in told]
        seen = saturation.look(folder, name, self.pool, probe.done)
        verdict, why = verdict_of(probe, result, self.objectives if use == "search" else [])
        if verdict == "met" and use != "search":
            verdict = "stable"
        latency, book = result.latency[HEADLINE], result.ledger
        return Point(
            name=name,
            use=use,
            offered=rate,
            done=probe.done,
            slope=probe.slope,
            verdict=verdict,
            why=why,
            latency={key: getattr(latency, key) for key in ("mean", *QUANTILES, "max")},
            count=latency.count,
            service=seen.service,
            spread=seen.spread,
            bound=seen.bound,
            processes=seen.processes,
            parts=seen.parts,
            waiting=seen.waiting,
            accepted=book.accepted,
            missing=book.missing,
            duplicated=book.duplicated,
            balanced=book.balanced,
        )


def verdict_of(probe: Probe, result: Result, objectives: list[Objective]) -> tuple[Any, str]:
    """The verdict on one run and why: valid first, then stable, then the objectives. Raises CannotTell."""
    if probe.verdict == "estimate":
        return "estimate", probe.why
    if not result.valid or probe.verdict == "generator saturated":
        return "invalid", "; ".join(result.reasons) or probe.why
    if probe.verdict == "overloaded" and _more_than_chance(probe, result):
        return "growing", probe.why
    stable = probe.why if probe.verdict == "sustained" else f"backlog {probe.slope:+.1f} tasks/s, no more than chance"
    verdicts = [slo.judge(each, result) for each in objectives if each.name != "rate"]
    for each in verdicts:
        if each.outcome is Outcome.CANNOT_TELL:
            raise CannotTell(f"{each.objective}: {each.reason}. Longer runs (--seconds), or a lower percentile")
    missed = [f"{each.objective} not met: {each.reason}" for each in verdicts if each.outcome is Outcome.NOT_MET]
    if not result.ledger.balanced and not any(each.name in slo.LOST for each in objectives):
        missed.append(slo.ledger(result).reason)
    return ("not met", "; ".join(missed)) if missed else ("met", stable)


def _more_than_chance(probe: Probe, result: Result) -> bool:
    """Drawn arrivals make a short queue longer and shorter: of few tasks, 2 % is less than that."""
    run, mean, book = result.latency_run, result.latency[HEADLINE].mean, result.ledger
    if book.refused or book.unknown_fate.sent or run is None or mean is None or probe.offered is None:
        return True
    # Little's law: the tasks in the stack at a time.
    return more_than_chance(probe.slope, run.seconds, probe.offered * mean)


def telling(rate: float, took: float) -> float:
    """Seconds of a run in which a rate that is too high shows against chance. Raises CannotTell."""
    seconds = SIGMAS * math.sqrt(2 * rate * took) / (TELLS * rate)
    if seconds > LONGEST:
        raise CannotTell(
            f"at {rate:g} tasks/s of {took:.1f} s each it takes {seconds:,.0f} s to tell a queue from chance, and "
            f"{LONGEST:g} s is the longest run. Measure with more workers (--workers), or the task with arguments that "
            "make it shorter"
        )
    return seconds


def length(objectives: list[Objective], rate: float, seconds: float) -> float:
    """Seconds of a run in which each percentile asked for has tasks enough behind it. Raises CannotTell."""
    quantiles = {slo.PERCENTILES.get(each.name): each for each in objectives}
    for key, quantile in QUANTILES.items():
        if key in quantiles:
            # As many as histograms ask for, and a fifth more: arrivals are drawn, and some fall into the warm-up.
            needed = 1.2 * BEYOND / (1 - quantile / 100) / rate
            if needed > LONGEST:
                raise CannotTell(
                    f"{quantiles[key].text}: at {rate:g} tasks/s it takes {needed:,.0f} s to have tasks enough, and "
                    f"{LONGEST:g} s is the longest run; choose a lower percentile"
                )
            seconds = max(seconds, needed)
    return seconds
