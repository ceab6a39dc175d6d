"""One combination of settings: what it makes of stack.yml and of the environment."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from app import contract_rules
from app.contract import Contract, Pool
from app.settings import Unsafe
from app.units import format_duration
from loadtests import stack_file
from loadtests.stack_file import Changes

Kind = Literal["solo", "threads", "prefork"]
# A prefork pool's soft limit, as a share of the hard one: there must be time to clean up.
SOFT = 0.9
# Results that a task does not keep; and those in the local stack's own file.
NO_RESULTS, SQLITE = "none", "sqlite"


class Candidate(BaseModel):
    """`processes` and `concurrency` are those of the pool that runs the task. `results`: where results are kept."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    processes: int
    concurrency: int
    prefetch: int
    queue_type: Literal["quorum", "classic"]
    ack: Literal["late", "early"] = "late"
    confirms: Literal["on", "off"] = "on"
    results: str = NO_RESULTS

    @property
    def slots(self) -> int:
        """Tasks that are worked on at once."""
        return self.processes * self.concurrency

    @property
    def name(self) -> str:
        """For folders."""
        size = f"{self.processes}x{self.concurrency}-p{self.prefetch}"
        return f"{self.kind}-{size}-{self.queue_type}-{self.ack}-{self.confirms}-{self.results}"

    def __str__(self) -> str:
        each = f" -c {self.concurrency}" if self.kind != "solo" else ""
        said = [f"{self.processes} × {self.kind}{each}", f"prefetch {self.prefetch}", self.queue_type]
        said += ["early ack"] if self.ack == "early" else []
        said += ["no confirms"] if self.confirms == "off" else []
        said += [self.results] if self.results != NO_RESULTS else []
        return ", ".join(said)


def present(contract: Contract, pool: str, results: str) -> Candidate:
    """What stack.yml says now."""
    there = contract.pools[pool]
    return Candidate(
        kind=there.kind,
        processes=there.process_count(),
        concurrency=there.concurrency,
        prefetch=there.prefetch,
        queue_type=contract.broker.queue_type,
        results=results,
    )


def changes(contract: Contract, pool: str, candidate: Candidate) -> dict[str, dict[str, Any]]:
    """What of stack.yml is to be changed for it; empty: nothing."""
    there = contract.pools[pool]
    wanted: dict[str, Any] = {
        "kind": candidate.kind,
        "processes": candidate.processes,
        "concurrency": candidate.concurrency,
        "prefetch": candidate.prefetch,
    }
    if candidate.processes == there.process_count():
        wanted["processes"] = there.processes
    if candidate.kind != there.kind:
        wanted |= _limits(there, candidate.kind)
    found = {f"pools.{pool}": {key: value for key, value in wanted.items() if value != _written(there, key)}}
    if candidate.queue_type != contract.broker.queue_type:
        found["broker"] = {"queue_type": candidate.queue_type}
    return {section: values for section, values in found.items() if values}


def refusal(contract: Contract, pool: str, candidate: Candidate) -> str | None:
    """Why stack.yml's judge would refuse it; None: it would not."""
    values = contract.model_dump(mode="json", exclude_none=True)
    for section, changed in changes(contract, pool, candidate).items():
        place = values
        for step in section.split("."):
            place = place[step]
        for key, value in changed.items():
            place.pop(key, None)
            if value is not None:
                place[key] = value
    return next((message for _, message in contract_rules.judge(Contract.model_validate(values))), None)


def stack_text(text: str, source: Path, contract: Contract, pool: str, candidate: Candidate) -> str:
    """stack.yml with the candidate's values. Raises CannotChange."""
    return stack_file.changed(text, source, changes(contract, pool, candidate))


def measured_text(text: str, source: Path, contract: Contract, pool: str, candidate: Candidate) -> str:
    """The same with one process in every other pool: they have nothing to do here. Raises CannotChange."""
    others: Changes = {f"pools.{name}": {"processes": 1} for name in contract.pools if name != pool}
    return stack_file.changed(text, source, changes(contract, pool, candidate) | dict(others))


def environment(candidate: Candidate, stores: dict[str, str]) -> dict[str, str]:
    """Variables for every process of the stack. `stores`: name of a result store → its address."""
    unsafe: list[Unsafe] = []
    unsafe += ["early-ack"] if candidate.ack == "early" else []
    unsafe += ["no-confirms"] if candidate.confirms == "off" else []
    # Set in any case: what our own environment says of these must not be measured by accident.
    found = {"WARREN_UNSAFE": ",".join(unsafe)}
    if candidate.results != NO_RESULTS:
        found |= {"CELERY_BACKEND_URL": stores[candidate.results], "CELERY_BACKEND_URL_FILE": ""}
    return found


def _limits(there: Pool, kind: Kind) -> dict[str, Any]:
    """What another kind of pool needs beside its name: the same time for a task, promised or enforced."""
    if kind == "prefork":
        soft, hard = format_duration(there.longest * SOFT), format_duration(there.longest)
        return {"longest_task": None, "soft_limit": soft, "hard_limit": hard}
    gone = dict.fromkeys(("soft_limit", "hard_limit", "max_memory", "max_tasks"))
    return gone | {"longest_task": format_duration(there.longest)}


def _written(pool: Pool, key: str) -> Any:
    return pool.model_dump(mode="json")[key]
