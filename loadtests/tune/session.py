"""One tuning from its first look to its proofs; what is known is in `found`, and on disk, as soon as it is known."""

import json
import os
import random
import time
from dataclasses import dataclass, field, replace
from typing import Any

from app.contract import Contract
from app.units import parse_duration
from loadtests.analysis import manifest
from loadtests.analysis.join import BadResults
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import Load, PhaseFailed
from loadtests.bench.target import Target
from loadtests.capacity.search import length
from loadtests.faults.schedule import Fault
from loadtests.gate.slo import PERCENTILES, Objective
from loadtests.local.errors import NoRabbitMQ, StackError
from loadtests.report.terminal import seconds
from loadtests.tune import document, judge, plan, safety, space
from loadtests.tune.candidate import NO_RESULTS, Candidate, present
from loadtests.tune.document import Measured, Tune, Walk
from loadtests.tune.ground import Ground
from loadtests.tune.halving import halve
from loadtests.tune.judge import FINAL
from loadtests.tune.measure import Lengths, Meter
from loadtests.tune.plan import Form, Share
from loadtests.tune.stores import keeps_results

# What `--matrix` walks over: a task that does next to nothing and keeps its result, two that wait, one that computes.
MATRIX: tuple[tuple[str, list[Any]], ...] = (("add", [2, 3]), ("sleep", [0.01]), ("sleep", [0.1]), ("cpu", [0.01]))
# Latency is read at this share of what the present settings carry: below the knee, and the same for all.
SHARE = 0.5
# Tasks that a percentile needs behind it, and a fifth more.
NEEDED = {"p99": 1200, "p90": 120, "p50": 0}
# Tasks a second of a fault run: every worker has some in hand, and any machine carries them.
FAULT_RATE = 40.0


@dataclass
class Job:
    """One task to tune for."""

    task: str
    args: Any
    pool: str
    keeps: bool
    axes: space.Axes = field(default_factory=dict)
    can: list[Candidate] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    first: Candidate | None = None

    def prepare(self, contract: Contract, stores: dict[str, str], given: dict[str, list[str]], form: Form) -> None:
        """Judge the combinations. Raises BadSpace."""
        cores = os.cpu_count() or 1
        names = list(stores) if self.keeps else [NO_RESULTS]
        self.first = present(contract, self.pool, names[0])
        if not form.rounds:  # the short form has one stack and one fault
            one: dict[str, list[str]] = {"queue_type": [self.first.queue_type], "confirms": ["on"]}
            given = one | given
        # A task that keeps no result has nothing to choose there.
        given = {axis: values for axis, values in given.items() if self.keeps or axis != "results"}
        self.axes = space.restricted(space.axes(contract, self.pool, cores, names), given)
        self.can, self.left_out = space.legal(self.axes, contract, self.pool, cores)
        if not [each for each in self.can if each != self.first]:
            raise space.BadSpace(f"{self.task}: no other combination can work: {'; '.join(self.left_out)}")


def jobs(options: dict[str, Any], contract: Contract) -> list[Job]:
    """What the options ask to tune for."""
    tasks = MATRIX if options["matrix"] else ((options["task"], json.loads(options["args"])),)
    found = []
    for task, args in tasks:
        queue = contract.queue_of(task)
        pool = next(name for name, each in contract.pools.items() if queue in each.queues)
        found.append(Job(task, args, pool, keeps_results(task)))
    return found


def stacks_cost(todo: list[Job]) -> float:
    """Seconds in which all stacks start: one for each queue type."""
    return plan.START * max(len(job.axes["queue_type"]) for job in todo)


def proofs_cost(form: Form, todo: list[Job]) -> float:
    """Seconds that the fault runs take."""
    faults = [danger.fault.do for corner in _corners(todo) if (danger := safety.DANGERS[corner]).fault]
    controls = len(set(faults)) if form.rounds else 0
    load = parse_duration(form.before) + parse_duration(form.after) + safety.AROUND
    return (len(faults) + controls) * load + len(faults) * form.drain


class Session:
    """`found` grows as it goes."""

    def __init__(self, ground: Ground, found: Tune, form: Form, options: dict[str, Any], console: BenchConsole) -> None:
        self.ground, self.found, self.form, self.console = ground, found, form, console
        self.objective: Objective | None = options["objective"]
        self.load = Load(url="", users=options["users"], seed=options["seed"], drain=options["drain"])
        self.ends = time.monotonic() + found.budget
        self.numbers = 0

    def left(self) -> float:
        return self.ends - time.monotonic()

    def tune(self, todo: list[Job]) -> None:
        """Every walk, then the proofs. Raises StackError, PhaseFailed, BadResults where nothing can go on."""
        began = time.monotonic()
        proofs, stacks = proofs_cost(self.form, todo), stacks_cost(todo)
        try:
            for number, job in enumerate(todo):
                seconds = (self.left() - proofs - (0 if number else stacks)) / (len(todo) - number)
                self._walk(job, f"{number + 1}-{job.task}", time.monotonic() + seconds)
            self._prove(todo)
        finally:
            self.found.seconds = time.monotonic() - began
            for walk in self.found.walks:
                judge.decide(walk, self.ground.contract)

    def _walk(self, job: Job, name: str, ends: float) -> None:
        assert job.first
        meter = Meter(
            replace(self.load, what=("--task", job.task, "--args", json.dumps(job.args))),
            self.ground.results / name,
            f"{self.found.run}.{name}",
            self.console.tick,
        )
        target = self.ground.target(job.first, job.pool)
        self._keep_manifest(target)
        self.console.say(f"{job.task} {json.dumps(job.args)}: a first look at {job.first}")
        meter.look(target)
        share = plan.share(ends - time.monotonic(), self.form, len(job.can))
        walk = Walk(
            task=job.task,
            args=job.args,
            pool=job.pool,
            present=job.first,
            combinations=len(job.can),
            left_out=job.left_out,
            percentile=PERCENTILES[self.objective.name] if self.objective else "p99",
            rate=None,
            objective=self.objective.limit if self.objective else None,
        )
        self.found.walks.append(walk)
        one = _One(self, job, walk, meter, ends)
        one.go(share)

    def _keep_manifest(self, target: Target) -> None:
        if not self.found.machines:
            facts = manifest.manifest(self.ground.contract.model_dump(mode="json", exclude_none=True), target.facts)
            manifest.write(self.ground.results, facts)
            self.found.machines = manifest.machines(facts)
            self.found.notes += target.notes

    def _prove(self, todo: list[Job]) -> None:
        """A fault run for each unsafe corner, and one with safe settings beside it."""
        walk, job = self.found.walks[0], todo[0]
        judge.decide(walk, self.ground.contract)
        base = walk.best or walk.present
        trial = safety.Trial(
            contract=self.ground.contract,
            load=self.load,
            results=self.ground.results / "faults",
            run=self.found.run,
            rate=FAULT_RATE,
            before=self.form.before,
            after=self.form.after,
            drain=self.form.drain,
            status=self.console.status,
            tick=self.console.tick,
        )
        controls: dict[str, safety.Seen] = {}
        for corner in _corners(todo):
            proof = safety.proof(corner)
            self.found.proofs.append(proof)
            fault = safety.DANGERS[corner].fault
            twin = next((each for each in space.twins(base, job.axes, self.ground.contract) if corner in
                         space.corners(each, self.ground.contract)), None)  # fmt: skip
            if fault is None or twin is None:
                continue
            self.console.say(f"what {corner} loses when {proof.fault}: {twin}")
            seen = self._fault(trial, corner, fault, twin, job.pool)
            proof.reasons += seen.reasons
            control = safety.Seen()
            if self.form.rounds:
                # One that failed is not tried again either.
                if fault.do not in controls:
                    controls[fault.do] = self._fault(trial, f"safe-{fault.do}", fault, base, job.pool)
                control = controls[fault.do]
                proof.reasons += [f"with safe settings: {each}" for each in control.reasons]
            proof.told = not proof.reasons
            if proof.told:
                proof.accepted, proof.missing = seen.accepted, seen.missing
                proof.control_accepted, proof.control_missing = control.accepted, control.missing
            self.console.say(proof.sentence)
            document.write(self.ground.results, self.found)

    def _fault(self, trial: safety.Trial, name: str, fault: Fault, candidate: Candidate, pool: str) -> safety.Seen:
        """What one fault took from these settings; when it cannot be told, why. Others may be told all the same."""
        try:
            return trial.seen(name, fault, self.ground.target(candidate, pool))
        except NoRabbitMQ:
            raise
        except (StackError, PhaseFailed, BadResults) as error:
            self.ground.drop(candidate)
            return safety.Seen(reasons=[str(error).strip().splitlines()[0]])


@dataclass
class _One:
    """One task's walk."""

    session: Session
    job: Job
    walk: Walk
    meter: Meter
    ends: float

    def go(self, share: Share) -> None:
        session, walk, form = self.session, self.walk, self.session.form
        contract, seed = session.ground.contract, session.found.seed
        chosen = space.draw(self.job.can, walk.present, share.candidates, seed, contract)
        finals = f", then at least {share.rounds} rounds of {share.finalists} finalists" if share.rounds else ""
        session.console.say(
            f"{len(chosen)} of {walk.combinations:,} combinations that can work "
            f"({sum(walk.left_out.values()):,} cannot){finals}"
        )
        reserved = share.rounds * share.finalists * plan.cost(share.final)
        ranked = halve(
            chosen,
            lambda candidate, rung: judge.score(
                self.evaluate(candidate, rung, form.rungs[rung]), walk.percentile, walk.objective
            ),
            [plan.cost(each) for each in form.rungs],
            lambda: self.left() - reserved,
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
        rng = random.Random(self.session.found.seed)  # noqa: S311  an order, not a secret
        seconds, began = plan.cost(final) * len(finalists), time.monotonic()
        for number in range(1, plan.MOST_ROUNDS + 1):
            if self.left() < seconds:
                return
            for candidate in rng.sample(finalists, len(finalists)):
                self.evaluate(candidate, FINAL, final)
            seconds = (time.monotonic() - began) / number

    def evaluate(self, candidate: Candidate, rung: int, lengths: Lengths) -> Measured:
        """Measure, and once more in its place when the run is not valid. Told and kept."""
        session = self.session
        lost = twice = accepted = 0
        for attempt in range(session.form.tries):
            found = self._measure(candidate, rung, lengths)
            # What a run lost is lost, whether its times are valid or not.
            accepted, lost, twice = accepted + found.accepted, lost + found.missing, twice + found.duplicated
            again = f"; {'run again' if attempt + 1 < session.form.tries else 'not told'}" if found.reasons else ""
            session.console.say(f"{candidate}: {_said(found, self.walk.percentile)}{again}")
            if not found.reasons:
                break
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


def _corners(todo: list[Job]) -> list[space.Corner]:
    """What of safety the walks give up anywhere."""
    found: list[space.Corner] = []
    for job in todo:
        assert job.first
        found += ["early-ack"] if "early" in job.axes["ack"] else []
        found += ["no-confirms"] if "off" in job.axes["confirms"] else []
        found += ["classic"] if "classic" in job.axes["queue_type"] and job.first.queue_type != "classic" else []
        found += ["rpc"] if space.RPC in job.axes["results"] else []
    return list(dict.fromkeys(found))


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
