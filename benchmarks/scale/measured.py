"""What a measured run tells the model: per rate, throughput, latency, processors used; and the stack's layout."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import duckdb

from app.contract import Contract
from benchmarks.scale.stack import Layout
from loadtests.analysis import join, manifest, timeline
from loadtests.analysis.analyse import measured
from loadtests.analysis.histograms import latency
from loadtests.analysis.stages import HEADLINE, STAGES
from loadtests.bench.verdict import judge

ROLES = ("generator", "web", "broker", "worker")
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
# The stages of which the model draws delays.
DRAWN = (*(each.name for each in STAGES if each.kind == "chain"), "published_to_confirmed")
MOST_SAMPLES = 5000
LEAST_TASKS = 300


@dataclass(frozen=True)
class Point:
    """One phase at a fixed rate that was sustained. Rates in tasks a second, times in seconds, processors in cores."""

    phase: str
    offered: float
    arrivals: str
    tasks: int
    done: float
    latency: dict[str, float | None]
    cores: dict[str, float]
    others: float
    stages: dict[str, float]
    samples: Mapping[str, Sequence[float]]
    reply: float
    record: float


@dataclass(frozen=True)
class Run:
    """A run's points, by rate; phases that could not be used, and why; and what it was measured on."""

    points: list[Point]
    left_out: list[str]
    layout: Layout
    facts: dict[str, Any]


def read(results: Path) -> Run:
    """Of a results folder of `warren bench`. Raises ClickException when it does not tell enough, BadResults."""
    facts = manifest.read(results)
    if not facts.get("contract"):
        raise click.ClickException(f"{results}: its manifest has no contract; measure by `warren bench`")
    points, left_out = list[Point](), list[str]()
    with join.database() as db:
        join.view(db, results)
        for kind in ("cpu", "self"):
            join.load_kind(db, results, kind)
        for meta in join.phases(results):
            phase, rate = str(meta["phase"]), meta.get("rate")
            if rate is None or meta.get("arrivals") not in ("constant", "poisson"):
                continue
            probe = judge(results, phase, float(rate))
            point = _point(db, results, meta, probe.done)
            if probe.verdict != "sustained" or point is None:
                left_out.append(
                    f"{phase} at {rate:g}/s: {probe.why if point else 'too few tasks, or no processor use'}"
                )
            else:
                points.append(point)
        queue = db.execute("SELECT mode(queue) FROM tasks WHERE finishes > 0").fetchone()
    layout = _layout(facts, str(queue[0]) if queue else "")
    return Run(sorted(points, key=lambda each: each.offered), left_out, layout, facts)


def _layout(facts: dict[str, Any], queue: str) -> Layout:
    contract, cores = Contract.model_validate(facts["contract"]), int((facts.get("host") or {}).get("cores") or 1)
    pool = next((each for each in contract.pools.values() if queue in each.queues), None)
    if pool is None:
        raise click.ClickException("no task finished in a queue of the contract")
    workers = pool.process_count(cores)
    return Layout(
        cores=cores,
        web=contract.web.processes,
        workers=workers,
        slots=pool.concurrency or 1,
        prefetch=pool.prefetch,
    )


def _point(db: duckdb.DuckDBPyConnection, results: Path, meta: dict[str, Any], done: float) -> Point | None:
    phase = str(meta["phase"])
    where = f"{measured(phase)} AND finishes > 0"
    begin, end, tasks = db.execute(
        f"SELECT min(scheduled), max(scheduled), count(*) FROM tasks WHERE {where}"  # noqa: S608
    ).fetchone() or (None, None, 0)
    if tasks < LEAST_TASKS:
        return None
    cores = _cores(db, phase, begin, end)
    if not set(ROLES) <= set(cores):
        return None
    stages = {each.name: each for each in STAGES}
    found = latency(db, stages[HEADLINE], where)
    samples = {name: _sample(db, stages[name].begin, stages[name].end, where) for name in DRAWN}
    (reply,) = db.execute(
        f"SELECT avg(greatest(answered - confirmed, 0)) FROM tasks WHERE {where}"  # noqa: S608
    ).fetchone() or (0.0,)
    written = sum(path.stat().st_size for path in (results / "parts" / phase).glob("records-*"))
    (records,) = db.execute("SELECT count(*) FROM tasks WHERE phase = ? AND finishes > 0", [phase]).fetchone() or (1,)
    return Point(
        phase=phase,
        offered=float(meta["rate"]),
        arrivals=str(meta["arrivals"]),
        tasks=tasks,
        done=done,
        latency={name: getattr(found, name) for name in PERCENTILES},
        cores=cores,
        others=timeline.others(db, phase) or 0.0,
        stages={name: sum(values) / len(values) if values else 0.0 for name, values in samples.items()},
        samples=samples,
        reply=float(reply or 0.0),
        record=written / max(1, records),
    )


def _cores(db: duckdb.DuckDBPyConnection, phase: str, begin: float, end: float) -> dict[str, float]:
    """Role → mean cores."""
    return dict(
        db.execute(
            """SELECT role, sum(cpu) FROM (
                 SELECT role, pid, avg(cpu) AS cpu FROM (
                   SELECT ts, phase, role, pid, cpu FROM cpu
                   UNION ALL SELECT ts, phase, 'generator', pid, cpu FROM self)
                 WHERE phase = ? AND ts BETWEEN ? AND ? GROUP BY ALL) GROUP BY role""",
            [phase, begin, end],
        ).fetchall()
    )


def _sample(db: duckdb.DuckDBPyConnection, begin: str, end: str, where: str) -> list[float]:
    rows = db.execute(
        f"""SELECT greatest({end} - {begin}, 0) FROM tasks WHERE {where} AND {end} IS NOT NULL AND {begin} IS NOT NULL
            ORDER BY hash(id) LIMIT {MOST_SAMPLES}"""  # noqa: S608
    ).fetchall()
    return [float(value) for (value,) in rows]
