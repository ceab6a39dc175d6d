"""The shape of result.json, versioned. `result.schema.json` beside this file is made from it."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from loadtests import documents
from loadtests.analysis.clocks import Clock
from loadtests.analysis.histograms import Latency
from loadtests.analysis.join import BadResults
from loadtests.analysis.ledger import Ledger
from loadtests.analysis.self_check import SelfCheck
from loadtests.analysis.shares import HostShare

SCHEMA_VERSION = 1
FILE = "result.json"
SCHEMA = Path(__file__).with_name("result.schema.json")


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Probe(_Part):
    """One short run of the search at one offered rate. Rates in tasks a second."""

    phase: str
    offered: float | None = Field(description="null: as fast as answers came")
    done: float
    slope: float = Field(description="growth of what is scheduled and not finished, in tasks a second")
    verdict: Literal["sustained", "overloaded", "generator saturated", "estimate"]
    why: str


class Throughput(_Part):
    """`rate` in tasks a second, from scheduled to finished; null when the run is not valid."""

    rate: float | None
    how: str
    limit: float | None = Field(None, description="the lowest rate that was not sustained")
    probes: list[Probe] = []


class LatencyRun(_Part):
    """At what load the percentiles were read."""

    phase: str
    offered: float | None
    share: float | None = Field(None, description="of the highest sustained rate")
    done: float | None = Field(description="finished while others were still due; null: too short a run to tell")
    growth: float | None = Field(
        None,
        description="of the backlog, in tasks a second; 0: no more than chance; null: not told, nor is `done`",
    )
    arrivals: str
    seed: int | None
    warmup: float = Field(description="seconds cut off at the start")
    cut: int = Field(description="tasks in them")
    seconds: float = Field(description="length of what was kept, by schedule")


class Interval(_Part):
    """A ratio or share with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    pairs: int
    what: str


class Result(_Part):
    """All that is said of one run. Durations in seconds."""

    schema_version: int = SCHEMA_VERSION
    run: str
    made_by: Literal["bench", "locust"]
    scenario: str
    started: float = Field(description="epoch seconds")
    valid: bool
    reasons: list[str] = Field(description="why it is not valid")
    notes: list[str] = Field(description="what to know when reading the numbers")
    unknown: list[str] = Field(description="what this run cannot say")
    ledger: Ledger
    throughput: Throughput
    latency: dict[str, Latency]
    latency_run: LatencyRun | None
    self_check: SelfCheck | None
    comparisons: dict[str, Interval] = {}
    hosts: list[HostShare] = Field([], description="what each did in latency_run; empty: one machine only")
    machines: list[str] = Field([], description="what carried generator and stack; empty: nobody wrote it down")
    clocks: list[Clock] = Field([], description="beside the generator's; empty: one machine carried everything")


def schema() -> dict[str, Any]:
    """JSON schema of result.json."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Warren result",
    } | Result.model_json_schema(mode="serialization")


def write(results: Path, result: Result) -> None:
    """Write result.json, whole or not at all."""
    documents.write(results / FILE, result)


def read(results: Path) -> Result:
    """Of a run's folder. Raises BadResults that says whether it is missing, cut off, or of another version."""
    path = results / FILE
    if not path.exists():
        raise BadResults(f"{results}: no {FILE} in it")
    return read_file(path)


def read_file(path: Path) -> Result:
    """The same of a file of any name."""
    return documents.read(path, Result, SCHEMA_VERSION, "warren bench", BadResults)


if __name__ == "__main__":  # python -m loadtests.analysis.result: write the schema anew
    SCHEMA.write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")
