"""capacity.json: what was measured, which part gave way first, and the model that follows. Versioned."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from loadtests import documents

VERSION = 2
FILE = "capacity.json"
Use = Literal["calibrate", "search", "fit", "held out"]


class BadCapacity(Exception):
    """There is no capacity file that can be used; the text says why and what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Utilisation(_Part):
    """How busy one part of the stack was. `of`: what 1 means."""

    cores: float | None = Field(description="mean processor use; null: nobody looked")
    share: float | None = Field(description="of what it can use; null: not known here")
    of: str


class Point(_Part):
    """One run at one rate. Rates in tasks a second, latencies (scheduled to finished) and `service` in seconds."""

    name: str
    use: Use
    offered: float | None = Field(description="null: as fast as answers came")
    done: float
    slope: float = Field(description="growth of what is due and not finished, in tasks a second")
    verdict: Literal["met", "stable", "growing", "not met", "invalid", "estimate"]
    why: str
    latency: dict[str, float | None] = Field(description="mean, p50, p90, p99, p999, max; null: too few tasks")
    count: int
    service: float | None = Field(description="a worker slot's time for one task")
    spread: float = Field(1.0, description="squared coefficient of variation of the service time")
    bound: Literal["slots", "cpu"] = Field("slots", description="what of a worker fills up first")
    processes: int = Field(description="workers that finished any task")
    parts: dict[str, Utilisation]
    waiting: dict[str, float] = Field({}, description="part → by how many seconds the wait before it grew in the run")
    accepted: int
    missing: int
    duplicated: int
    balanced: bool


class Arm(_Part):
    """All that was measured with one number of worker processes."""

    workers: int
    slots: int = Field(description="tasks that one process works on at once")
    lanes: int = Field(1, description="of them, those that can compute at once: children of a prefork pool, else 1")
    points: list[Point]
    rate: float | None = Field(description="the highest that met the objectives; null: none did, or none was valid")
    limit: float | None = Field(description="the lowest above it that did not")
    at_least: bool = Field(False, description="the generator gave way first: the stack carries `rate` or more")
    first: str | None = Field(description="which part saturates first")
    why: str


class Estimate(_Part):
    """A parameter with its 95 % interval; `low` and `high` are null where the measurements allow none."""

    value: float
    low: float | None
    high: float | None
    of: str


class Demand(_Part):
    """How a part fills up: shares of it in use."""

    idle: float = Field(description="without any task")
    each: float = Field(description="added by one task a second")

    def busy(self, rate: float) -> float:
        return self.idle + self.each * rate

    @property
    def ceiling(self) -> float:
        """Tasks a second at which it is full."""
        return (1 - self.idle) / self.each


class Prediction(_Part):
    """What the model said of a run that it had not seen."""

    workers: int
    rate: float
    what: str
    predicted: float | None = Field(description="null: the model says that the queue grows")
    measured: float
    error: float | None = Field(description="predicted ÷ measured − 1")
    naive: float | None = Field(
        None, description="the same error of a guess without a model: latency as at the nearest fitted rate"
    )


class Model(_Part):
    """M/G/c with Allen and Cunneen's correction, and the Universal Scalability Law over worker processes."""

    service: Estimate = Field(description="seconds of one server for one task")
    spread: float = Field(description="squared coefficient of variation of the service time")
    servers: int = Field(description="servers in each worker process")
    bound: Literal["slots", "cpu"]
    rest: dict[str, float] = Field(description="seconds of latency that are not the queue's: mean, p50, p90, p99, p999")
    single: Estimate = Field(description="USL: tasks a second of one process")
    contention: Estimate = Field(description="USL: alpha")
    coherency: Estimate = Field(description="USL: beta")
    counts: list[int] = Field(description="worker counts that the law was fitted over")
    demands: dict[str, Demand] = Field(description="of each part that more workers do not help, where it was told")
    fitted: list[float] = Field(description="rates of the fit")
    predictions: list[Prediction]
    notes: list[str]
    draws: list[tuple[float, float, float]] = Field(
        [], description="gamma, alpha, beta as the scatter of the runs leaves them open; empty: too few runs"
    )


class Capacity(_Part):
    """All that is said of one capacity run."""

    version: int = VERSION
    run: str
    started: float = Field(description="epoch seconds")
    machines: list[str]
    what: list[str] = Field(description="what was sent, as options of the locustfile")
    pool: str | None = Field(description="whose workers were counted; null: several, or not known")
    prefetch: int | None = Field(None, description="messages that one of its processes takes in advance")
    objectives: list[str]
    arms: list[Arm]
    model: Model | None
    unfinished: str | None = Field(None, description="why not all counts were measured; null: all were")
    unmet: list[str] = Field([], description="objectives for the capacity itself that it does not meet")
    notes: list[str] = []

    @property
    def balanced(self) -> bool:
        return all(point.balanced for arm in self.arms for point in arm.points)


def write(folder: Path, capacity: Capacity) -> Path:
    """Write capacity.json, whole or not at all."""
    return documents.write(folder / FILE, capacity)


def newest(results: Path) -> Path:
    """The latest run's file. Raises BadCapacity."""
    return documents.newest(results, FILE, "measure one with `warren capacity --slo 'p99<500ms'`", BadCapacity)


def read(path: Path) -> Capacity:
    """Of a file, or a run's folder. Raises BadCapacity: it is missing, cut off, or of another version."""
    path = path / FILE if path.is_dir() else path
    return documents.read(path, Capacity, VERSION, "warren capacity", BadCapacity)


def same_machine(capacity: Capacity, here: list[str], path: Path, other_machine: bool) -> list[str]:
    """Notes on where it was measured. Raises BadCapacity for another machine, unless that is said to be meant."""
    # The first is the generator's machine, which with the local target carries everything.
    if capacity.machines[:1] == here[:1]:
        return []
    told = f"measured on {', '.join(capacity.machines) or 'an unknown machine'}; this is {', '.join(here)}"
    if not other_machine:
        raise BadCapacity(f"{path}: {told}. Run `warren capacity` here, or say --other-machine when that one is meant")
    return [told]
