"""faults.json: what was played, and what became of the tasks, for each fault."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from loadtests import documents
from loadtests.analysis.ledger import Ledger

FILE = "faults.json"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Recovery(_Part):
    """Seconds from the fault's begin; null where the run ended before, or says nothing: see `reasons`."""

    first_success: float | None = Field(description="until a task that was due after the begin was done")
    usual: float | None = Field(description="p90 of scheduled → finished before the fault, in seconds")
    back: float | None = Field(
        description="until nine in ten of a second's tasks took that long, or hardly longer; 0: it never was worse"
    )
    silence: float | None = Field(description="the longest time in which no task ended, after the begin")


class Order(_Part):
    """Tasks of one queue that started after one that was published at least a second later."""

    before: int = Field(description="such tasks, of those started before the fault")
    after: int = Field(description="such tasks, of the others")
    broken: bool = Field(description="the fault made such tasks where there were none")


class Twice(_Part):
    """Why tasks ended more than once. Both counts together are the ledger's `duplicated`."""

    redelivered: int = Field(description="the broker handed them out again: at least once, by late acknowledgement")
    otherwise: int = Field(description="without a redelivery: they were published more than once")
    why: str


class Outcome(_Part):
    """One fault. Instants are epoch seconds."""

    name: str
    do: str
    task: str
    seconds: float = Field(description="length of its load")
    started: float | None
    began: float | None = Field(description="null: the fault never came")
    ended: float | None = Field(description="put back, and every part of the stack ready; null: not within the load")
    ledger: Ledger
    recovery: Recovery
    order: Order
    twice: Twice
    valid: bool = Field(description="the fault came and went within the load, and the generator kept up")
    reasons: list[str] = Field(description="why it is not valid: such a run has a ledger and no times")
    notes: list[str] = Field([], description="of the machines' clocks, where they make times doubtful")


class Faults(_Part):
    """All that is said of one schedule."""

    schema_version: Literal[1] = 1
    run: str
    target: str
    started: float
    schedule: str
    rate: float = Field(description="tasks a second that were offered")
    seed: int
    tasks: int = Field(description="accepted tasks that were wanted of each fault; 0: no number")
    settings: dict[str, str] = Field(description="by which redelivery is decided")
    machines: list[str]
    notes: list[str]
    faults: list[Outcome]

    @property
    def balanced(self) -> bool:
        return all(each.ledger.balanced for each in self.faults)

    @property
    def valid(self) -> bool:
        return all(each.valid for each in self.faults)


def write(folder: Path, found: Faults) -> Path:
    """Write faults.json, whole or not at all."""
    return documents.write(folder / FILE, found)
