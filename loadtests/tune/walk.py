"""One task's walk through the matrix: short looks at many candidates, then the finalists in turn."""

import json
import random
import time
from dataclasses import dataclass, replace

from loadtests.analysis.join import BadResults
from loadtests.bench.locust_run import PhaseFailed
from loadtests.capacity.search import length
from loadtests.gate.slo import PERCENTILES
from loadtests.local.errors import NoRabbitMQ, StackError
from loadtests.report.terminal import seconds
from loadtests.tune import document, judge, plan, space
from loadtests.tune.candidate import Candidate
from loadtests.tune.document import Measured, Walk
from loadtests.tune.halving import halve
from loadtests.tune.jobs import Job
from loadtests.tune.judge import FINAL
from loadtests.tune.measure import Lengths, Meter
from loadtests.tune.plan import Share
from loadtests.tune.session import Session

# Latency is read at this share of what the present settings carry: below the knee, and the same for all.
SHARE = 0.5
# Tasks that a percentile needs behind it, and a fifth more.
NEEDED = {"p99": 1200, "p90": 120, "p50": 0}


def walk(session: Session, job: Job, name: str, ends: float) -> None:
    """Results go to the folder `name`; `ends`: until when, by the monotonic clock. Raises as `tuning.tune`."""
    assert job.first
    meter = Meter(
        replace(session.load, what=("--task", job.task, "--args", json.dumps(job.args))),
        session.ground.results / name,
        f"{session.found.run}.{name}",
        session.console.tick,
    )
    target = session.ground.target(job.first, job.pool)
    session.keep_manifest(target)
    session.console.say(f"{job.task} {json.dumps(job.args)}: a first look at {job.first}")
    meter.look(target)
    stacks = plan.START * session.ground.to_start(job.axes["queue_type"])
    share = plan.share(ends - time.monotonic() - stacks, session.form, len(job.can))
    found = Walk(
        task=job.task,
        args=job.args,
        pool=job.pool,
        present=job.first,
        combinations=len(job.can),
        left_out=job.left_out,
        percentile=PERCENTILES[session.objective.name] if session.objective else "p99",
        rate=None,
        objective=session.objective.limit if session.objective else None,
    )
    session.found.walks.append(found)
    _Walker(session, job, found, meter, ends).go(share)


@dataclass
class _Walker:
    """`ends`: until when, by the monotonic clock."""

    session: Session
    job: Job
    walk: Walk
    meter: Meter
    ends: float
    planned: float = 0.0  # seconds of all evaluations so far, as planned and as they were
    took: float = 0.0

    def go(self, share: Share) -> None:
        session, walk, form = self.session, self.walk, self.session.form
        contract, seed = session.ground.contract, session.found.seed
        chosen = space.draw(self.job.can, walk.present, share.candidates, seed, contract)
        finals = f", then {share.rounds} rounds or more of {share.finalists} finalists" if share.rounds else ""
        session.console.say(
            f"{len(chosen)} of {walk.combinations:,} combinations that can work "
            f"({sum(walk.left_out.values()):,} cannot){finals}"
        )
        reserved = plan.finals_cost(share.rounds, share.finalists, share.final)
        ranked = halve(
            chosen,
            lambda candidate, rung: judge.score(
                self.evaluate(candidate, rung, form.rungs[rung]), walk.percentile, walk.objective
            ),
            [plan.cost(each) for each in form.rungs],
            # In seconds as planned: on a machine that is slower than that the finals keep their rounds all the same.
            lambda: self.left() / max(1.0, self.took / (self.planned or 1.0)) - reserved,
            seed,
            group=lambda each: bool(space.corners(each, contract)),
            keep=[walk.present],
        )
        if share.rounds:
            self._finals(self._finalists(ranked, share.finalists), share.final)

    def left(self) -> float:
        return self.ends - time.monotonic()

    def _finalists(self, ranked: list[Candidate], count: int) -> list[Candidate]:
        """What is there, the best safe one, its twins with one corner each; then the next safe ones."""
        contract = self.session.ground.contract
        safe = [each for each in ranked if not space.corners(each, contract) and each != self.walk.present]
        best = safe[0] if safe else self.walk.present
        chosen = [self.walk.present, best, *safe[1:2], *space.twins(best, self.job.axes, contract), *safe[2:]]
        return list(dict.fromkeys(chosen))[:count]

    def _finals(self, finalists: list[Candidate], final: Lengths) -> None:
        """All in turn, as often as there is time for."""
        seed, load = self.session.found.seed, self.meter.load
        rng = random.Random(seed)  # noqa: S311  an order, not a secret
        seconds, began = plan.cost(final) * len(finalists), time.monotonic()
        for number in range(1, plan.MOST_ROUNDS + 1):
            if self.left() < seconds:
                return
            # Each round meets arrivals of its own, or all would tell of one sequence of gaps; its finalists the same.
            self.meter.load = replace(load, seed=seed + number)
            for candidate in rng.sample(finalists, len(finalists)):
                self.evaluate(candidate, FINAL, final)
            seconds = (time.monotonic() - began) / number

    def evaluate(self, candidate: Candidate, rung: int, lengths: Lengths) -> Measured:
        """Measure, and once more in its place when the run is not valid. Told and kept."""
        session = self.session
        lost = twice = accepted = 0
        began = time.monotonic()
        for attempt in range(session.form.tries):
            found = self._measure(candidate, rung, lengths)
            # What a run lost is lost, whether its times are valid or not.
            accepted, lost, twice = accepted + found.accepted, lost + found.missing, twice + found.duplicated
            again = f"; {'run again' if attempt + 1 < session.form.tries else 'not told'}" if found.reasons else ""
            session.console.say(f"{candidate}: {_said(found, self.walk.percentile)}{again}")
            if not found.reasons:
                break
        self.planned, self.took = self.planned + plan.cost(lengths), self.took + time.monotonic() - began
        found.accepted, found.missing, found.duplicated = accepted, lost, twice
        self.walk.measured.append(found)
        document.write(session.ground.results, session.found)
        return found

    def _measure(self, candidate: Candidate, rung: int, lengths: Lengths) -> Measured:
        session = self.session
        session.numbers += 1
        name = f"{session.numbers:03}-{candidate.name}"
        found = Measured(candidate=candidate, corners=space.corners(candidate, session.ground.contract), rung=rung)
        try:
            target = session.ground.target(candidate, self.job.pool)
            self.meter.throughput(target, candidate, name, lengths.throughput, found)
            if lengths.latency and found.throughput is not None:
                rate, seconds = self._rate(found, lengths)
                self.meter.latency(target, name, seconds, rate, found)
        except NoRabbitMQ:
            raise
        except (StackError, PhaseFailed, BadResults) as error:
            # Of these settings nothing can be told; with others it may go on, on a stack that is whole.
            session.ground.drop(candidate)
            found.reasons.append(str(error).strip().splitlines()[0])
        if found.reasons:
            # No number comes out of a run that is not valid.
            found.throughput, found.memory, found.latency, found.carries = None, None, {}, None
            found.sender_bound = False
        elif candidate == self.walk.present and self.walk.objective is None:
            tail = found.latency.get(self.walk.percentile)
            self.walk.objective = tail and judge.SLOWER * tail
        return found

    def _rate(self, found: Measured, lengths: Lengths) -> tuple[float, float]:
        """At which latency is read, and for how long: settled once for all candidates. Raises CannotTell."""
        walk, objective = self.walk, self.session.objective
        if walk.rate is None:
            there = [each for each in walk.measured if each.candidate == walk.present and each.throughput]
            assert found.throughput
            carried = (there[0].throughput if there else None) or found.throughput
            walk.rate = float(f"{SHARE * carried:.3g}")
            if not objective:
                told = walk.rate * lengths.latency
                walk.percentile = next(name for name, needed in NEEDED.items() if told >= needed)
        return walk.rate, length([objective], walk.rate, lengths.latency) if objective else lengths.latency


def _said(found: Measured, percentile: str) -> str:
    if found.reasons:
        return "; ".join(found.reasons)
    said = [f"{'≥ ' if found.sender_bound else ''}{found.throughput:,.0f}/s"]
    if found.carries is False:
        said.append("does not carry the rate at which latency is read")
    if tail := found.latency.get(percentile):
        said.append(f"{percentile} {seconds(tail)}")
    said += [f"{found.memory:,.0f} MiB"] if found.memory else []
    said += [f"MISSING {found.missing:,}"] if found.missing else []
    return ", ".join(said)
