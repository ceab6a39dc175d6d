"""tune.json: what was measured of each candidate, what the best safe one is, and what each unsafe corner lost."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from loadtests import documents
from loadtests.analysis.result import Interval
from loadtests.compare.difference import Difference
from loadtests.tune.candidate import Candidate
from loadtests.tune.space import Corner

VERSION = 1
FILE = "tune.json"


class BadTune(Exception):
    """There is no tune file that can be used; the text says why and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Measured(_Part):
    """One evaluation of a candidate. Null: not measured in it, or the run was not valid; `reasons` says which."""

    candidate: Candidate
    corners: list[Corner] = Field(description="what of safety it gives up")
    rung: int = Field(description="0: a first look; the last number: the repeated runs of the finalists")
    throughput: float | None = Field(None, description="tasks a second while there was always one waiting")
    sender_bound: bool = Field(False, description="throughput is what was sent; it carries at least that")
    latency: dict[str, float | None] = Field({}, description="seconds, scheduled to finished, at the walk's rate")
    carries: bool | None = Field(None, description="whether it carries the walk's rate at all")
    memory: float | None = Field(None, description="MiB, resident: all processes of the pool, at most")
    accepted: int = 0
    missing: int = 0
    duplicated: int = 0
    reasons: list[str] = []


class Standing(_Part):
    """What is known of one candidate, over all its evaluations. Medians."""

    candidate: Candidate
    corners: list[Corner]
    runs: int = Field(description="valid evaluations")
    throughput: float | None
    sender_bound: bool = Field(False, description="throughput is at least that")
    tail: float | None = Field(description="the walk's percentile, in seconds; null: never read")
    carries: bool | None
    memory: float | None
    front: bool = Field(False, description="no other beats it in throughput, latency and memory together")
    safe_front: bool = Field(False, description="the same among the safe ones")


class Price(_Part):
    """What one piece of safety costs: the same settings without it, in turn with those that have it."""

    corner: Corner
    throughput: Interval = Field(description="without ÷ with")
    tail: Interval | None = Field(description="the same of the percentile; null: too few runs told it")


class Walk(_Part):
    """All candidates for one task."""

    task: str
    args: Any
    pool: str
    present: Candidate
    combinations: int = Field(description="that can work")
    left_out: dict[str, int] = Field(description="why others cannot → how many")
    percentile: str
    rate: float | None = Field(description="tasks a second at which latency was read; null: it never was")
    objective: float | None = Field(description="seconds that the percentile may take")
    measured: list[Measured] = []
    standings: list[Standing] = []
    best: Candidate | None = Field(None, description="the best safe one; null: none was told")
    gain: Difference | None = Field(None, description="of its throughput over that of the present settings")
    why: str = ""
    prices: list[Price] = []


class Proof(_Part):
    """What a fault took from a stack with an unsafe setting, and from the same stack without it."""

    corner: Corner
    can_lose: str
    fault: str = Field(description="what was done; empty: no fault run shows it")
    accepted: int = 0
    missing: int = 0
    control_accepted: int = 0
    control_missing: int = 0
    told: bool = Field(False, description="both runs were made, and are valid")
    reasons: list[str] = Field([], description="why it is not told, though a fault run was tried")

    @property
    def sentence(self) -> str:
        """What it comes to."""
        if not self.told:
            if self.reasons:
                return f"It can lose {self.can_lose}. Not told by a fault run: {'; '.join(self.reasons)}."
            shown = "No fault run was made." if self.fault else "No fault run shows it: the ledger is of tasks."
            return f"It can lose {self.can_lose}. {shown}"
        seen = f"{self.missing:,} of {self.accepted:,} accepted tasks missing after {self.fault}"
        if self.control_accepted:
            seen += f", {self.control_missing:,} of {self.control_accepted:,} with safe settings"
        if self.missing:
            return f"{seen}. It loses {self.can_lose}."
        return f"No loss seen in this run ({seen}); it can lose {self.can_lose}."


class Tune(_Part):
    """All that is said of one tuning."""

    version: int = VERSION
    run: str
    started: float = Field(description="epoch seconds")
    seconds: float = 0.0
    budget: float
    seed: int
    machines: list[str]
    stack: str
    walks: list[Walk] = []
    proofs: list[Proof] = []
    notes: list[str] = []
    interrupted: bool = False
    error: str = Field("", description="what ended it early")

    @property
    def balanced(self) -> bool:
        """Nothing was lost in a run of safe settings. Unsafe ones may lose: that is what they are."""
        runs = [each for walk in self.walks for each in walk.measured if not each.corners]
        return not any(each.missing for each in runs) and not any(each.control_missing for each in self.proofs)

    @property
    def unfit(self) -> str:
        """Why nothing of it may be written to stack.yml; empty: it may."""
        if not self.balanced:
            return "safe settings lost tasks; find out why before anything is changed"
        if self.interrupted:
            return "the run was interrupted before all was measured; run `warren tune` again"
        return f"the run ended before all was measured: {self.error}" if self.error else ""


def write(folder: Path, found: Tune) -> Path:
    """Write tune.json, whole or not at all."""
    return documents.write(folder / FILE, found)


def read(path: Path) -> Tune:
    """Of a file, or a run's folder. Raises BadTune: it is missing, cut off, or of another version."""
    path = path / FILE if path.is_dir() else path
    return documents.read(path, Tune, VERSION, "warren tune", BadTune)
