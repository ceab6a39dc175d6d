"""Percentiles from HDR histograms (Gil Tene's HdrHistogram): microseconds, three significant digits, up to an hour.

DuckDB groups the values by the histogram's own buckets first, so a million tasks cost as many Python calls as there are
distinct buckets, and the result is the very histogram that recording one by one would give.
"""

import duckdb
from hdrh.histogram import HdrHistogram
from pydantic import BaseModel, Field

from loadtests.analysis.stages import STAGES, Stage

LONGEST = 3_600_000_000  # µs
DIGITS = 3
# 2 × 10^3 rounded up to a power of two is how many sub-buckets three digits need; half of them carry a doubled range.
HALF = 10  # log2(2048) - 1
QUANTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
# A percentile is told when at least this many values lie beyond it; fewer, and it is one slow task's luck.
BEYOND = 10


class Latency(BaseModel):
    """One stage's distribution in seconds. A percentile is null when too few tasks are behind it: see `reasons`."""

    p50: float | None
    p90: float | None
    p95: float | None = Field(None, description="absent from results of before it was told")
    p99: float | None
    p999: float | None
    max: float | None
    mean: float | None = Field(description="of all tasks, exact; stages of the chain add up in it")
    count: int
    negative: int = Field(
        description="differences below 0, counted as 0: clocks that disagree, or a confirm that came late"
    )
    reasons: dict[str, str]


def histogram(db: duckdb.DuckDBPyConnection, stage: Stage, where: str) -> HdrHistogram:
    """The histogram of a stage over the rows of `tasks` that fit `where`."""
    value = f"least(greatest(CAST(round(({stage.end} - {stage.begin}) * 1e6) AS BIGINT), 0), {LONGEST})"
    rows = db.execute(
        f"""WITH v AS (SELECT {value} AS us FROM tasks WHERE {where} AND {stage.end} - {stage.begin} IS NOT NULL),
            b AS (SELECT us, greatest(length(bin(us)) - {HALF + 1}, 0) AS shift FROM v)
            SELECT (us >> shift) << shift AS bucket, count(*) FROM b GROUP BY bucket"""  # noqa: S608
    ).fetchall()
    result = HdrHistogram(1, LONGEST, DIGITS)
    for bucket, count in rows:
        result.record_value(bucket, count)
    return result


def latency(db: duckdb.DuckDBPyConnection, stage: Stage, where: str) -> Latency:
    """Percentiles of a stage over the rows of `tasks` that fit `where`."""
    hdr = histogram(db, stage, where)
    count = hdr.get_total_count()
    difference = f"{stage.end} - {stage.begin}"
    row = db.execute(
        f"""SELECT avg({difference}), max({difference}), count(*) FILTER (WHERE {difference} < 0)
            FROM tasks WHERE {where} AND {difference} IS NOT NULL"""  # noqa: S608
    ).fetchone() or (None, None, 0)
    values: dict[str, float | None] = {}
    reasons = {}
    for name, percentile in QUANTILES.items():
        needed = fewest(name)
        values[name] = hdr.get_value_at_percentile(percentile) / 1e6 if count >= needed else None
        if count < needed:
            reasons[name] = f"{count:,} tasks are too few: it takes {needed:,}"
    return Latency(**values, max=row[1], mean=row[0], count=count, negative=row[2], reasons=reasons)


def fewest(name: str) -> int:
    """Values that it takes for a percentile to be told."""
    return round(BEYOND / (1 - QUANTILES[name] / 100))


def latencies(db: duckdb.DuckDBPyConnection, where: str) -> dict[str, Latency]:
    """Every stage's, by its name."""
    return {stage.name: latency(db, stage, where) for stage in STAGES}


def curve(db: duckdb.DuckDBPyConnection, stage: Stage, where: str, points: int = 160) -> list[dict[str, float]]:
    """Points of the latency-by-percentile line: {"percentile", "beyond": 1/(1−q), "seconds"}, up to the last task."""
    hdr = histogram(db, stage, where)
    count = hdr.get_total_count()
    if not count:
        return []
    found = []
    furthest = max(1.0, float(count))
    for index in range(points):
        beyond = furthest ** (index / (points - 1))
        percentile = 100 * (1 - 1 / beyond)
        seconds = hdr.get_value_at_percentile(percentile) / 1e6
        found.append({"percentile": percentile, "beyond": beyond, "seconds": max(seconds, 1e-6)})
    return found
