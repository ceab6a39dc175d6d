"""What breaks under load loses nothing: the ledger balances by task id, and the stack works again by itself."""

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.ledger import Ledger
from loadtests.bench.locust_run import Load, Phase, run_phase
from loadtests.local.stack import LocalStack

# Tasks a second and seconds: enough that there are always tasks in every hand when the fault comes.
RATE, LENGTH, FAULT_AT = 60.0, 9.0, 3.0
SLEEP = ("--task", "sleep", "--args", "[0.2]")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A local stack of its own, because the others' must not be broken."""
    with LocalStack(tmp_path_factory.mktemp("faults") / "stack", throwaway=True) as stack:
        yield stack


@dataclass
class Outcome:
    """What a run under a fault came to."""

    ledger: Ledger
    results: Path
    fault_began: float

    def count(self, where: str) -> int:
        """Tasks of the run that fit a condition on records.parquet."""
        query = f"SELECT count(*) FROM '{self.results / 'records.parquet'}' WHERE {where}"
        row = duckdb.execute(query).fetchone()
        return row[0] if row else 0


@dataclass
class Fault:
    """Plays `steps` (seconds into the run, what to do) once each while the load runs."""

    steps: list[tuple[float, Callable[[], None]]]
    began: float = 0.0
    left: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def tick(self, passed: float, _length: float) -> None:
        while self.left and passed >= self.left[0][0]:
            self.began = self.began or time.time()
            self.left.pop(0)[1]()

    def under_load(self, stack: LocalStack, folder: Path, *what: str, length: float = LENGTH) -> Outcome:
        self.left = sorted(self.steps, key=lambda step: step[0])
        load = Load(stack.url, stack.token or "", what=what or ("--scenario", "noop"))
        run_phase(
            load, Phase("fault", length, rate=RATE, arrivals="poisson"), folder, "faults-" + folder.name, self.tick
        )
        return Outcome(analyse(folder, Asked()).ledger, folder, self.began)


def assert_nothing_lost(outcome: Outcome) -> None:
    ledger = outcome.ledger
    assert ledger.missing == 0, ledger
    assert ledger.balanced, ledger
    assert ledger.accepted == ledger.finished + ledger.dead_lettered
    assert outcome.fault_began, "the fault never came"


def assert_recovered(outcome: Outcome) -> None:
    """Tasks of the last two seconds of the plan were accepted and done."""
    late = f"scheduled > (SELECT max(scheduled) - 2 FROM '{outcome.results / 'records.parquet'}')"
    assert outcome.count(f"{late} AND status = 202 AND finished IS NOT NULL") > 0


def restarts(stack: LocalStack, name: str) -> int:
    return next(process.restarts for process in stack.processes() if process.name == name)


def kill_under_load(stack: LocalStack, folder: Path, name: str, *what: str) -> Outcome:
    """Kill one process in the middle of a run; it must be started again, once, and nothing may be lost."""
    before = restarts(stack, name)
    outcome = Fault([(FAULT_AT, lambda: stack.kill(name, signal.SIGKILL))]).under_load(stack, folder, *what)
    assert_nothing_lost(outcome)
    assert_recovered(outcome)
    assert restarts(stack, name) == before + 1, stack.log(name)[-3000:]
    return outcome


def test_a_worker_killed_with_tasks_in_hand(stack: LocalStack, tmp_path: Path) -> None:
    outcome = kill_under_load(stack, tmp_path, "worker-io-0", *SLEEP)
    assert outcome.ledger.redelivered > 0  # it did have tasks in hand


def test_the_front_end_killed(stack: LocalStack, tmp_path: Path) -> None:
    outcome = kill_under_load(stack, tmp_path, "web")
    # Requests that were in the air have no answer; what became of them is told apart, not guessed.
    assert outcome.ledger.unknown_fate.sent > 0


def test_the_broker_restarted(stack: LocalStack, tmp_path: Path) -> None:
    workers = {p.name: p.restarts for p in stack.processes() if p.role == "worker"}
    outcome = Fault([(FAULT_AT, stack.restart_broker)]).under_load(stack, tmp_path, length=20)
    assert_nothing_lost(outcome)
    assert_recovered(outcome)
    # Losing the broker is no reason to restart a worker.
    assert {p.name: p.restarts for p in stack.processes() if p.role == "worker"} == workers


def test_a_worker_stopped_while_its_tasks_run(stack: LocalStack, tmp_path: Path) -> None:
    fault = Fault([(FAULT_AT, lambda: stack.kill("worker-io-0", signal.SIGTERM))])
    outcome = fault.under_load(stack, tmp_path, *SLEEP)
    assert_nothing_lost(outcome)
    assert_recovered(outcome)
    # Stopped in order, what runs is finished and what waits goes back: nothing runs twice.
    assert outcome.ledger.duplicated == 0


def test_the_broker_out_of_memory(stack: LocalStack, tmp_path: Path) -> None:
    steps = [(FAULT_AT, lambda: stack.memory_alarm(True)), (FAULT_AT + 3, lambda: stack.memory_alarm(False))]
    try:
        outcome = Fault(steps).under_load(stack, tmp_path)
    finally:
        stack.memory_alarm(False)
    assert_nothing_lost(outcome)
    assert_recovered(outcome)
    # Refused while the alarm was on, and told so: not left hanging.
    assert outcome.count("status = 503") > 0
