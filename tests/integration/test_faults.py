"""What breaks under load loses nothing: the ledger balances by task id, and the stack works again by itself."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.local.stack import LocalStack

from ..under_load import Fault, Outcome, Where, assert_nothing_lost, assert_recovered

# Seconds into a run at which the fault comes.
FAULT_AT = 3.0
SLEEP = ("--task", "sleep", "--args", "[0.2]")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A local stack of its own, because the others' must not be broken."""
    with LocalStack(tmp_path_factory.mktemp("faults") / "stack", throwaway=True) as stack:
        yield stack


def target(stack: LocalStack) -> Where:
    return Where(stack.url, stack.token or "")


def restarts(stack: LocalStack, name: str) -> int:
    return next(process.restarts for process in stack.processes() if process.name == name)


def kill_under_load(stack: LocalStack, folder: Path, name: str, *what: str) -> Outcome:
    """Kill one process in the middle of a run; it must be started again, once, and nothing may be lost."""
    before = restarts(stack, name)
    outcome = Fault([(FAULT_AT, lambda: stack.kill(name, signal.SIGKILL))]).under_load(target(stack), folder, *what)
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
    outcome = Fault([(FAULT_AT, stack.restart_broker)]).under_load(target(stack), tmp_path, length=20)
    assert_nothing_lost(outcome)
    assert_recovered(outcome)
    # Losing the broker is no reason to restart a worker.
    assert {p.name: p.restarts for p in stack.processes() if p.role == "worker"} == workers


def test_a_worker_stopped_while_its_tasks_run(stack: LocalStack, tmp_path: Path) -> None:
    fault = Fault([(FAULT_AT, lambda: stack.kill("worker-io-0", signal.SIGTERM))])
    outcome = fault.under_load(target(stack), tmp_path, *SLEEP)
    assert_nothing_lost(outcome)
    assert_recovered(outcome)
    # Stopped in order, what runs is finished and what waits goes back: nothing runs twice.
    assert outcome.ledger.duplicated == 0


def test_the_broker_out_of_memory(stack: LocalStack, tmp_path: Path) -> None:
    steps = [(FAULT_AT, lambda: stack.memory_alarm(True)), (FAULT_AT + 3, lambda: stack.memory_alarm(False))]
    try:
        outcome = Fault(steps).under_load(target(stack), tmp_path)
    finally:
        stack.memory_alarm(False)
    assert_nothing_lost(outcome)
    assert_recovered(outcome)
    # Refused while the alarm was on, and told so: not left hanging.
    assert outcome.count("status = 503") > 0
