"""One bench from its first phase to its result, whatever happens in between."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.analysis import manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.join import BadResults
from loadtests.analysis.result import Interval, Probe, Result
from loadtests.analysis.self_check import LATE_P99
from loadtests.bench.locust_run import Load, Phase, PhaseFailed, Tick, run_phase
from loadtests.bench.plan import BenchPlan, TasksTooLong
from loadtests.bench.search import Search, search
from loadtests.bench.verdict import judge, lateness, settled
from loadtests.clocks.watch import Ways, watched
from loadtests.generator import parts

HOW = "highest sustained rate of a search by short runs; latency was read apart from it, at a share of it"
Say = Callable[[str], None]


@dataclass
class Session:
    """What is measured, where it is written, and whom to tell. `sampler`, `clocks`: see Target."""

    load: Load
    results: Path
    run: str
    plan: BenchPlan
    say: Say
    tick: Callable[[str], Tick]
    facts: dict[str, Any] = field(default_factory=dict)
    contract: dict[str, Any] | None = None
    sampler: Callable[[Path], AbstractContextManager[Any]] | None = None
    clocks: Ways | None = None
    rate: float | None = None  # given: no search, latency is read at it
    notes: list[str] = field(default_factory=list)
    comparisons: dict[str, Interval] = field(default_factory=dict)
    latency_phase: str = "latency"
    found: Search = field(default_factory=Search)
    estimates: list[Probe] = field(default_factory=list)
    asked: Asked = field(default_factory=Asked)

    def measure(self) -> Result:
        """All phases, the account, the result. An interrupt keeps what was measured, marked invalid, and is raised."""
        self.results.mkdir(parents=True, exist_ok=True)
        manifest.write(self.results, manifest.manifest(self.contract, self.facts))
        try:
            with watched(self.results, self.clocks):
                rate = self._latency_rate()
                if rate is not None:
                    self._latency(rate)
        except (KeyboardInterrupt, PhaseFailed) as error:
            why = "interrupted" if isinstance(error, KeyboardInterrupt) else str(error)
            self._keep(why)
            raise
        return self.account()

    def account(self, *reasons: str) -> Result:
        """The result of what there is so far."""
        best = self.found.best if self.rate is None else None
        self.asked = Asked(
            made_by="bench",
            latency_phase=self.latency_phase,
            share=self.plan.share if self.rate is None else None,
            rate=best,
            limit=self.found.limit,
            how=HOW if self.rate is None else "tasks finished per second at the rate that was asked for",
            probes=[*self.estimates, *self.found.probes],
            reasons=[*reasons, *self._reasons()],
            notes=self.notes,
            comparisons=self.comparisons,
        )
        return analyse(self.results, self.asked)

    def phase(self, phase: Phase) -> Path:
        """Run one phase, with the stack's use of processors sampled beside it."""
        folder = parts.folder(self.results, phase.name)
        with self.sampler(folder) if self.sampler else nullcontext():
            return run_phase(self.load, phase, self.results, self.run, self.tick(phase.name))

    def _latency_rate(self) -> float | None:
        if self.rate is not None:
            return self.rate
        self.phase(Phase("calibrate", self.plan.calibrate, self.plan.warmup))
        estimate = judge(self.results, "calibrate", None)
        self.estimates.append(estimate)
        self.say(f"calibrate: about {estimate.done:,.0f} tasks/s as fast as answers come")
        if estimate.done <= 0:
            raise PhaseFailed(f"calibrate: {estimate.why}; see {self.results / 'log' / 'calibrate.log'}")
        self._allow_for(settled(self.results, "calibrate"))
        self.found = search(self._probe, estimate.done, self.plan.probes)
        return self.found.best * self.plan.share if self.found.best else None

    def _allow_for(self, settling: float) -> None:
        """Long tasks take long runs. Raises PhaseFailed when these would be too long."""
        try:
            plan = self.plan.for_tasks(settling)
        except TasksTooLong as error:
            raise PhaseFailed(f"calibrate: {error}") from error
        if plan != self.plan:
            self.say(f"calibrate: tasks are long: warm-up {plan.warmup:.1f} s, runs of {plan.probe:.0f} s")
        self.plan = plan

    def _probe(self, number: int, rate: float) -> Probe:
        name = f"search-{number}"
        self.phase(Phase(name, self.plan.probe, self.plan.warmup, rate))
        probe = judge(self.results, name, rate)
        self.say(f"{name}: {rate:,.0f} tasks/s {probe.verdict}: {probe.why}")
        return probe

    def _latency(self, rate: float) -> None:
        rate = float(f"{rate:.3g}")
        for name in ("latency", "latency-again"):
            began = time.monotonic()
            self.phase(Phase(name, self.plan.latency, self.plan.latency_warmup, rate, arrivals="poisson"))
            self.latency_phase = name
            self.say(f"{name}: read at {rate:,.0f} tasks/s, {time.monotonic() - began:.0f} s with draining")
            late = lateness(self.results, name)
            if late <= LATE_P99:
                return
            # Something else on the machine may have come in between; what comes again is no accident.
            self.say(f"{name}: the generator was {late * 1000:.0f} ms late (p99)")
        self.notes.append("latency was read twice, because the generator was late; the second reading counts")

    def _reasons(self) -> list[str]:
        if self.rate is not None:
            return []
        if self.found.probes and self.found.best is None:
            return [f"no rate was sustained, down to {self.found.limit:g} tasks/s"]
        if self.found.generator_bound:
            return [f"generator saturated: at {self.found.limit:g} tasks/s, before the stack; use more --generators"]
        return []

    def _keep(self, why: str) -> None:
        try:
            self.account(why)
        except BadResults as error:
            self.say(f"nothing could be kept: {error}")
