"""selfcheck.json: what each check did, what was to be seen, what was seen."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from loadtests import documents

FILE = "selfcheck.json"

Verdict = Literal["passed", "failed", "not told", "not done"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Row(_Part):
    """One thing that was compared. The texts hold units."""

    what: str
    expected: str
    seen: str
    bound: str = Field(description="how far apart they may be; empty: only shown")
    ok: bool
    by_clock: bool = Field(False, description="other programs on the machine can spoil it")


class Check(_Part):
    """One check. `passed`: every row is within its bound."""

    name: str
    what: str
    verdict: Verdict
    why: str = Field(description="why there is no verdict, or which row failed; empty: it passed")
    rows: list[Row]
    notes: list[str]
    tries: int = Field(description="how often it was done: again where the machine was too busy to tell")
    seconds: float
    others: float = Field(description="cores that other programs used meanwhile, mean of the last try")


class SelfCheck(_Part):
    """All that is said."""

    schema_version: Literal[1] = 1
    run: str
    started: float = Field(description="epoch seconds")
    short: bool
    seed: int
    machines: list[str]
    checks: list[Check]

    def names(self, verdict: Verdict) -> list[str]:
        return [check.name for check in self.checks if check.verdict == verdict]


def write(folder: Path, found: SelfCheck) -> Path:
    """Write selfcheck.json, whole or not at all."""
    return documents.write(folder / FILE, found)
