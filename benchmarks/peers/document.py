"""peers.json: what was measured of each peer, and how it stands next to Celery as Warren does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from benchmarks.peers.catalogue import OURS
from loadtests import documents
from loadtests.analysis.interval import median, ratio
from loadtests.analysis.result import Interval
from loadtests.compare.difference import ALPHA, fewest_runs, rank_test

FILE = "peers.json"
# What is measured of each peer, and its column's head.
MEASURES = {
    "published": "publishing, one process",
    "drained noop": "full queue, no-op",
    "drained sleep": "full queue, 10 ms",
    "http noop": "HTTP to done, no-op",
    "http sleep": "HTTP to done, 10 ms",
}

Verdict = Literal["ahead of us", "behind", "not told apart", "too few runs", "no number", "ours"]


class BadPeers(Exception):
    """There is no such file, or it is not one of ours. The text says what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Measure(_Part):
    """One column of one peer. Rates in a second; intervals of 95 %, null for a single run."""

    values: list[float | None] = Field(description="one a round; null: that run says nothing")
    median: float | None
    low: float | None
    high: float | None
    ratio: Interval | None = Field(description="its median ÷ that of Celery as Warren does, over the rounds of both")
    p: float | None = Field(description="of the Mann–Whitney rank test, two-sided")
    verdict: Verdict
    reasons: list[str] = Field(description="why runs say nothing")


class Outcome(_Part):
    """One peer."""

    name: str
    title: str
    safety: str
    versions: dict[str, str | None]
    settings: list[tuple[str, str]] = Field(description="what was set, and who recommends it")
    notes: list[str]
    measures: dict[str, Measure]
    missing: int = Field(description="accepted over HTTP and never done")
    duplicated: int
    refused: int = Field(description="requests that were not accepted")


class Peers(_Part):
    """All that is said of one run."""

    schema_version: Literal[2] = 2
    run: str
    started: float = Field(description="epoch seconds")
    rounds: int = Field(description="that are done")
    asked: int = Field(description="rounds that were to be done; more than `rounds`: it is unfinished")
    seed: int
    command: str
    level: float = Field(description="a peer differs when p is at most this: 5 % shared by its measures")
    manifest: dict[str, Any]
    peers: list[Outcome]
    left_out: dict[str, str] = Field(description="peer → why; what it did in rounds before stands among `peers`")
    notes: list[str]

    @property
    def balanced(self) -> bool:
        return all(peer.missing == 0 for peer in self.peers)

    @property
    def valid(self) -> bool:
        return any(measure.median for peer in self.peers for measure in peer.measures.values())


def level() -> float:
    """Of p, below which one measure of a peer is called different."""
    return ALPHA / len(MEASURES)


def measure(
    name: str, values: Sequence[float | None], ours: Sequence[float | None] | None, reasons: list[str]
) -> Measure:
    """`values` and `ours` go together round by round; `ours`: None for ourselves, empty when we were not measured."""
    kept = [value for value in values if value is not None]
    middle, low, high = _median(kept)
    pairs = [(a, b) for a, b in zip(values, ours or (), strict=False) if a is not None and b is not None]
    found = Measure(
        values=list(values),
        median=middle,
        low=low,
        high=high,
        ratio=None,
        p=None,
        verdict="too few runs",
        reasons=reasons,
    )
    if ours is None:
        found.verdict = "ours"
    elif not kept:
        found.verdict = "no number"
    if ours is None or not pairs:
        return found
    theirs, mine = [a for a, _ in pairs], [b for _, b in pairs]
    if len(pairs) > 1:
        found.ratio = ratio(theirs, mine, f"{name}, median ÷ median of {OURS}", of=np.median)
    if len(pairs) >= fewest_runs(len(MEASURES)):
        found.p = rank_test(theirs, mine)
        ahead = _median(theirs)[0] > _median(mine)[0]  # type: ignore[operator]
        found.verdict = "not told apart" if found.p > level() else "ahead of us" if ahead else "behind"
    return found


def _median(values: Sequence[float]) -> tuple[float | None, float | None, float | None]:
    if len(values) > 1:
        return median(values)
    return (values[0], None, None) if values else (None, None, None)


def write(folder: Path, found: Peers) -> Path:
    """Write peers.json, whole or not at all."""
    return documents.write(folder / FILE, found)


def read(path: Path) -> Peers:
    """Of a file, or a run's folder. Raises BadPeers."""
    path = path / FILE if path.is_dir() else path
    try:
        return Peers.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadPeers(f"{path}: {error.strerror}; `make peers` writes one") from error
    except ValidationError as error:
        raise BadPeers(f"{path}: cut off, or of another version; run `make peers` again") from error
