"""The stacks that candidates are measured on: one for each queue type, whose app is renewed for each candidate."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.contract import Contract, load_contract
from loadtests.bench.cpu import CpuSampler
from loadtests.bench.target import ENVIRONMENT, STACKS, Target, own_stack
from loadtests.local.errors import StackError
from loadtests.local.processes import StackOptions
from loadtests.tune.candidate import Candidate, environment, measured_text

POOL = "worker"
OTHERS = "other workers"


@dataclass
class Ground(AbstractContextManager["Ground"]):
    """A context manager; whatever ends it leaves nothing running.

    A queue's type cannot be changed, so there may be two stacks; the one that is not used is idle.
    """

    source: Path
    contract: Contract
    results: Path
    run: str
    stores: dict[str, str]
    status: Callable[[str], None]
    _stacks: dict[str, tuple[ExitStack, Target, tuple[Candidate, str]]] = field(default_factory=dict)

    def __exit__(self, *_: object) -> None:
        with ExitStack() as all_of_them:
            for stack, _target, _candidate in self._stacks.values():
                all_of_them.push(stack)
            self._stacks = {}

    def target(self, candidate: Candidate, pool: str) -> Target:
        """A stack with these settings, ready. Raises StackError, CannotChange."""
        there = self._stacks.get(candidate.queue_type)
        if there and there[2] == (candidate, pool):
            return there[1]
        file = self._stack_file(candidate, pool)
        variables = environment(candidate, self.stores)
        try:
            if there:
                stack, target, _ = there
                assert target.local
                target.local.renew(StackOptions(file, environment=ENVIRONMENT | variables), self.status)
            else:
                stack = ExitStack()
                directory = STACKS / f"{self.run}-{candidate.queue_type}"
                target = stack.enter_context(own_stack(file, directory, self.status, variables))
                self._stacks[candidate.queue_type] = (stack, target, (candidate, pool))
        except StackError:
            # What half stands is of no use to the next candidate.
            self.drop(candidate)
            raise
        target.contract = load_contract(file).model_dump(mode="json", exclude_none=True)
        target.sampler = _sampler(target, pool)
        self._stacks[candidate.queue_type] = (stack, target, (candidate, pool))
        return target

    def to_start(self, queue_types: Iterable[str]) -> int:
        """How many of the stacks for these are not up yet."""
        return len(set(queue_types) - set(self._stacks))

    def drop(self, candidate: Candidate) -> None:
        """Take that stack away: something is wrong with it."""
        if there := self._stacks.pop(candidate.queue_type, None):
            there[0].close()

    def _stack_file(self, candidate: Candidate, pool: str) -> Path:
        folder = self.results / "stacks"
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{pool}-{candidate.name}.yml"
        text = self.source.read_text(encoding="utf-8")
        file.write_text(measured_text(text, self.source, self.contract, pool, candidate), encoding="utf-8")
        return file


def _sampler(target: Target, pool: str) -> Callable[[Path], AbstractContextManager[Any]]:
    """Tells the processes of the pool from the other workers."""
    local = target.local
    assert local

    def role(name: str, role: str) -> str:
        return role if role != "worker" or name.rpartition("-")[0] == f"worker-{pool}" else OTHERS

    return lambda folder: CpuSampler(
        folder, [(role(each.name, each.role), each.pid) for each in local.processes() if each.pid]
    )
