"""comparison.json: what was compared, how, each run's values, and what follows from them."""

from pathlib import Path

from pydantic import BaseModel, Field

from loadtests import documents
from loadtests.compare.difference import Difference, compare

FILE = "comparison.json"
PERCENTILES = ("p50", "p90", "p99")


class Run(BaseModel):
    """One run of one side. Rates in tasks a second, latencies in seconds; null: too few tasks for it."""

    name: str
    rate: float
    p50: float | None
    p90: float | None
    p99: float | None
    missing: int
    duplicated: int
    balanced: bool
    reasons: list[str] = Field(description="why it says nothing; empty: it is valid")


class Comparison(BaseModel):
    """All that is said. `differences` is empty unless `valid`."""

    schema_version: int = 1
    run: str
    started: float
    a: str
    b: str
    what: list[str] = Field(description="what was sent, as options of the locustfile")
    rate: float | None = Field(description="tasks a second that were offered; null: as fast as answers came")
    seconds: float
    seed: int
    machines: list[str]
    runs: dict[str, list[Run]]
    notes: list[str] = []
    valid: bool = True
    reasons: list[str] = []
    differences: list[Difference] = []

    @property
    def balanced(self) -> bool:
        return all(run.balanced for side in self.runs.values() for run in side)


def metrics(rate: float | None) -> tuple[str, ...]:
    """What is judged: the rate, where it was free; otherwise how long tasks took."""
    return ("rate",) if rate is None else PERCENTILES


def judge(comparison: Comparison, tolerance: float) -> None:
    """Fill in what follows from the runs. An invalid run anywhere: no number at all."""
    comparison.reasons = [
        f"{run.name}: {reason}" for side in comparison.runs.values() for run in side for reason in run.reasons
    ]
    names = metrics(comparison.rate)
    told = {}
    for name in names:
        sides = [[getattr(run, name) for run in comparison.runs[side]] for side in ("A", "B")]
        if all(value for side in sides for value in side):
            told[name] = sides
        elif not comparison.reasons:
            comparison.notes.append(
                f"{name} is not told: too few tasks for it in a run; longer --seconds, or more --rate"
            )
    if not told and not comparison.reasons:
        comparison.reasons.append("too few tasks in each run for any percentile; longer --seconds, or more --rate")
    comparison.valid = not comparison.reasons
    if comparison.valid:
        comparison.differences = [
            compare(name, a, b, len(names), more_is_worse=name != "rate", tolerance=tolerance)
            for name, (a, b) in told.items()
        ]


def write(folder: Path, comparison: Comparison) -> Path:
    """Write comparison.json, whole or not at all."""
    return documents.write(folder / FILE, comparison)
