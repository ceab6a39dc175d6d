"""Tasks of seconds, sent to a simulated stack: what a search sends, how long its runs are, and what it says of them."""

import heapq
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtests.bench import session
from loadtests.bench.locust_run import Load, Phase, PhaseFailed
from loadtests.bench.plan import BenchPlan
from loadtests.bench.target import Target
from loadtests.capacity import search
from loadtests.capacity.saturation import Pool
from loadtests.capacity.search import Bench, CannotTell, Lengths
from loadtests.gate.slo import parse
from loadtests.generator import parts, schedule

from ...made_run import MadeRun

# What a front end accepts as fast as answers come, in tasks a second.
ANSWERS = 300.0


class Stack:
    """Takes the place of Locust and of all behind it: first come, first served, by so many slots."""

    def __init__(self, slots: int, seconds: float) -> None:
        self.slots, self.seconds = slots, seconds
        self.phases: list[Phase] = []
        self.sent: dict[str, int] = {}

    def run(self, load: Load, phase: Phase, results: Path, run: str, tick: Any = None) -> Path:
        length = phase.seconds + phase.warmup
        kind, rate = (phase.arrivals, phase.rate) if phase.rate else ("constant", ANSWERS)
        made = MadeRun(results, phase.name, warmup=phase.warmup, rate=phase.rate)
        free, number = [0.0] * self.slots, 0
        for at in schedule.offsets(kind, rate or 0.0, seed=1):
            if at is None or at >= length or (phase.tasks and number >= phase.tasks):
                break
            # Without a schedule senders do not wait for the start that the others count from.
            at -= 0.0 if phase.rate else 0.2
            begin = max(at + 0.005, heapq.heappop(free))
            heapq.heappush(free, begin + self.seconds)
            made.send(f"{phase.name}-{number}", at)
            made.record(f"{phase.name}-{number}", at, started=begin, finished=begin + self.seconds)
            number += 1
        made.close()
        self.phases.append(phase)
        self.sent[phase.name] = number
        return parts.folder(results, phase.name)


@pytest.fixture
def capacity(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    def bench(stack: Stack, *objectives: str, said: list[str] | None = None) -> Bench:
        monkeypatch.setattr(search, "run_phase", stack.run)
        return Bench(
            load=Load("http://here"),
            target=Target(url="http://here", token="", facts={}),
            results=tmp_path / "results",
            run="made",
            lengths=Lengths(),
            objectives=[parse(each) for each in objectives],
            pool=Pool(slots=stack.slots),
            say=(said if said is not None else []).append,
            tick=lambda _: lambda now, end: None,
        )

    return bench


def test_the_capacity_for_long_tasks_is_that_of_the_slots(capacity: Callable[..., Bench]):
    """64 slots and 5 s each: 12.8 tasks a second, though nothing ends within the first seconds of a run."""
    stack, said = Stack(64, 5.0), []
    arm = capacity(stack, "p50<20s", said=said).arm(1)
    assert arm.rate and 11 <= arm.rate <= 14, said
    assert "tasks are long: warm-up 7.5 s" in said[0]
    assert all(phase.warmup >= 7.5 and phase.seconds >= 5 * 7.5 for phase in stack.phases if phase.rate)
    # No run leaves work for more than minutes.
    assert max(stack.sent.values()) < 12.8 * 120
    assert {point.verdict for point in arm.points if (point.offered or 99) < 11} == {"met", "stable"}


def test_few_slots_and_long_tasks_are_refused_and_not_flooded(capacity: Callable[..., Bench]):
    stack = Stack(2, 5.0)
    with pytest.raises(CannotTell, match=r"5\.0 s each it takes .* to tell a queue from chance.*--workers.*shorter"):
        capacity(stack).arm(1)
    assert sum(stack.sent.values()) <= 40
    with pytest.raises(CannotTell, match=r"it takes 60 s until as many .* end as begin.*120 s is the longest"):
        capacity(Stack(64, 40.0)).arm(2)


def test_short_tasks_are_measured_as_ever(capacity: Callable[..., Bench]):
    stack = Stack(2, 0.01)
    arm = capacity(stack).arm(1)
    assert arm.rate and 180 <= arm.rate <= 215
    assert {phase.warmup for phase in stack.phases if phase.rate} == {1.5}


def bench(tmp_path: Path, stack: Stack, monkeypatch: pytest.MonkeyPatch) -> session.Session:
    monkeypatch.setattr(session, "run_phase", stack.run)
    return session.Session(
        load=Load("http://here"),
        results=tmp_path / "results",
        run="made",
        plan=BenchPlan(),
        say=[].append,
        tick=lambda _: lambda now, end: None,
    )


def test_a_bench_of_long_tasks_finds_what_is_sustained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    stack = Stack(200, 2.0)
    result = bench(tmp_path, stack, monkeypatch).measure()
    assert result.valid and result.throughput.rate and 90 <= result.throughput.rate <= 105, result.throughput
    assert all(phase.warmup >= 3 for phase in stack.phases if phase.rate)
    with pytest.raises(PhaseFailed, match=r"calibrate: it takes 60 s .* `warren bench --rate R --seconds S`"):
        bench(tmp_path / "longer", Stack(200, 40.0), monkeypatch).measure()
