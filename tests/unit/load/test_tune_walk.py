"""How a tuning spends its time, and what its repeated runs meet: the stacks and the load are not there, the rest is."""

import re
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.contract import parse_contract
from loadtests.bench.locust_run import Load
from loadtests.tune import plan, tuning
from loadtests.tune import session as session_module
from loadtests.tune import walk as walk_module
from loadtests.tune.candidate import Candidate, present
from loadtests.tune.document import Measured, Tune
from loadtests.tune.jobs import jobs, proofs_cost
from loadtests.tune.judge import FINAL
from loadtests.tune.measure import WARMUP, Lengths, Meter
from loadtests.tune.session import Session
from loadtests.tune.walk import _Walker

STACK = Path(__file__).parents[3] / "stack.yml"
CONTRACT = parse_contract(STACK.read_text(), STACK)
NOW = present(CONTRACT, "io", "none")
BIG = NOW.model_copy(update={"concurrency": 64, "prefetch": 128})


def test_each_round_of_the_finals_meets_arrivals_of_its_own_and_all_finalists_the_same(tmp_path: Path):
    seeds: dict[Candidate, list[int]] = {NOW: [], BIG: []}

    class Walker(_Walker):
        def evaluate(self, candidate: Candidate, rung: int, lengths: Lengths) -> Any:
            seeds[candidate].append(self.meter.load.seed)

        def left(self) -> float:
            return 1e9

    meter = Meter(Load("", seed=3), tmp_path, "r", lambda _: lambda *_: None)
    session: Any = SimpleNamespace(found=SimpleNamespace(seed=3))
    Walker(session, job=None, walk=None, meter=meter, ends=0.0)._finals([NOW, BIG], Lengths(1.0, 1.0))  # type: ignore[arg-type]
    assert len(seeds[NOW]) > 4
    assert seeds[NOW] == seeds[BIG]
    assert len(set(seeds[NOW])) == len(seeds[NOW])


class Clock:
    """Time passes only when something is said to take it."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


class Stacks:
    """A ground whose stacks take what is planned to start and to be renewed."""

    def __init__(self, clock: Clock, results: Path) -> None:
        self.clock, self.results, self.contract, self.up = clock, results, CONTRACT, set[str]()

    def target(self, candidate: Candidate, _pool: str) -> Any:
        self.clock.now += plan.RENEW if candidate.queue_type in self.up else plan.START
        self.up.add(candidate.queue_type)

    def to_start(self, queue_types: list[str]) -> int:
        return len(set(queue_types) - self.up)


def tuned(minutes: float, slower: float, monkeypatch: pytest.MonkeyPatch, results: Path) -> tuple[int, int, int]:
    """Rounds of finals that were promised, rounds that were made, and how many evaluations, on such a slow machine."""
    clock, said = Clock(), list[str]()

    class Measures(Meter):
        def look(self, target: Any) -> None:
            clock.now += plan.LOOK

        def throughput(self, target: Any, candidate: Candidate, name: str, seconds: float, into: Measured) -> None:
            clock.now += slower * (plan.LOCUST + WARMUP + seconds)
            into.throughput, into.memory = 100.0 + candidate.prefetch, 100.0

        def latency(self, target: Any, name: str, seconds: float, rate: float, into: Measured) -> None:
            clock.now += slower * (plan.LOCUST + WARMUP + seconds)
            into.carries, into.latency = True, {"p99": 0.01}

    for module in (tuning, session_module, walk_module):
        monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(walk_module, "Meter", Measures)
    monkeypatch.setattr(tuning, "prove", lambda *_: None)
    todo = jobs({"matrix": False, "task": "sleep", "args": "[0.01]"}, CONTRACT)
    todo[0].prepare(CONTRACT, {}, {}, plan.LONG)
    found = Tune(run="r", started=0, budget=60 * minutes, seed=1, machines=["here"], stack="stack.yml")
    console: Any = SimpleNamespace(say=said.append, tick=None)
    ground: Any = Stacks(clock, results)
    tuning.tune(Session(ground, found, plan.LONG, console, Load("")), todo)
    assert clock.now <= 60 * minutes
    promised = next(int(match[1]) for line in said if (match := re.search(r"then \D*(\d+) rounds", line)))
    measured = found.walks[0].measured
    made = Counter(each.candidate for each in measured if each.rung == FINAL)
    return promised, min(made.values(), default=0), len(measured)


@pytest.mark.parametrize("slower", [1.0, 1.3])
@pytest.mark.parametrize("minutes", [10, 12, 15, 20, 25, 40])
def test_as_many_rounds_are_made_as_were_promised(
    minutes: float, slower: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    promised, made, _ = tuned(minutes, slower, monkeypatch, tmp_path)
    assert made >= promised >= 4


def test_a_walk_has_all_of_the_budget_but_what_the_fault_runs_take(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """It starts the stacks itself, so their time is its own and is not taken off before."""
    clock, ends = Clock(), list[float]()
    monkeypatch.setattr(tuning, "time", clock)
    monkeypatch.setattr(session_module, "time", clock)
    monkeypatch.setattr(tuning, "prove", lambda *_: None)
    monkeypatch.setattr(tuning, "walk", lambda _session, _job, _name, until: ends.append(until))
    todo = jobs({"matrix": False, "task": "sleep", "args": "[0.01]"}, CONTRACT)
    todo[0].prepare(CONTRACT, {}, {}, plan.LONG)
    found = Tune(run="r", started=0, budget=720, seed=1, machines=["here"], stack="stack.yml")
    tuning.tune(Session(Stacks(clock, tmp_path), found, plan.LONG, None, Load("")), todo)  # type: ignore[arg-type]
    assert ends == [pytest.approx(720 - proofs_cost(plan.LONG, todo))]
