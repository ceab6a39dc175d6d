"""A run over time, and where its milliseconds went: small tables for the report's pictures."""

from decimal import Decimal
from typing import Any

import duckdb

from loadtests.analysis.stages import CHAIN

BINS = 120
WIDTHS = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
Rows = list[dict[str, Any]]
# The role under which samples of all programs together are kept.
MACHINE = "machine"


def rows(db: duckdb.DuckDBPyConnection, query: str, values: Any = None) -> Rows:
    """A query's rows as dictionaries."""
    found = db.execute(query, values)
    names = [column[0] for column in found.description or []]
    # What is computed with a literal like 0.25 comes as Decimal.
    return [
        {name: float(value) if isinstance(value, Decimal) else value for name, value in zip(names, row, strict=True)}
        for row in found.fetchall()
    ]


def span(db: duckdb.DuckDBPyConnection) -> tuple[float, float]:
    """The first scheduled instant and the last one seen, epoch seconds."""
    query = "SELECT min(scheduled), max(greatest(scheduled, answered, finished)) FROM tasks"
    begin, end = db.execute(query).fetchone() or (None, None)
    return float(begin or 0), float(end or 0)


def width(seconds: float) -> float:
    """Seconds of one step of the pictures: round numbers, at most about BINS of them."""
    return next((w for w in WIDTHS if seconds / w <= BINS), WIDTHS[-1])


def rates(db: duckdb.DuckDBPyConnection) -> Rows:
    """Per step: {"t" seconds since the start, "what": scheduled | accepted | finished, "rate" per second}."""
    begin, end = span(db)
    step = width(end - begin)
    result: Rows = []
    for what, column, where in (
        ("scheduled", "scheduled", "true"),
        ("accepted", "answered", "outcome = 'accepted'"),
        ("finished", "finished", "finishes > 0"),
    ):
        result += rows(
            db,
            f"""WITH steps AS (SELECT range AS step FROM range(0, CAST(ceil({(end - begin) / step}) AS BIGINT) + 1)),
                counted AS (SELECT CAST(floor(({column} - {begin}) / {step}) AS BIGINT) AS step, count(*) AS n
                            FROM tasks WHERE {where} AND {column} IS NOT NULL GROUP BY 1)
                SELECT step * {step} AS t, '{what}' AS what, coalesce(n, 0) / {step} AS rate
                FROM steps LEFT JOIN counted USING (step) ORDER BY step""",  # noqa: S608
        )
    return result


def depths(db: duckdb.DuckDBPyConnection) -> Rows:
    """{"t", "queue", "messages"}: ready messages as sampled; queues that were always empty are left out."""
    begin, end = span(db)
    step = width(end - begin)
    return rows(
        db,
        f"""SELECT floor((ts - {begin}) / {step}) * {step} AS t, name AS queue, max(messages) AS messages FROM queues
            WHERE name IN (SELECT name FROM queues GROUP BY name HAVING max(messages) > 0)
              AND ts BETWEEN {begin} AND {end}
            GROUP BY ALL ORDER BY t""",  # noqa: S608
    )


def heat(db: duckdb.DuckDBPyConnection) -> Rows:
    """{"t", "t2", "low", "high" seconds, "n"}: how many tasks took how long (scheduled → finished), over time."""
    begin, end = span(db)
    step = width(end - begin)
    return rows(
        db,
        f"""SELECT floor((scheduled - {begin}) / {step}) * {step} AS t, t + {step} AS t2,
              pow(10, floor(log10(greatest(finished - scheduled, 1e-4)) * 8) / 8) AS low,
              low * pow(10, 1 / 8.0) AS high, count(*) AS n
            FROM tasks WHERE finished IS NOT NULL GROUP BY ALL ORDER BY t, low""",  # noqa: S608
    )


def cpu(db: duckdb.DuckDBPyConnection) -> Rows:
    """{"t", "t2", "role", "cores"}: cores used by each kind of process, the generator, all others there."""
    begin, end = span(db)
    step = max(width(end - begin), 1.0)
    return rows(
        db,
        f"""WITH every AS (SELECT ts, role, pid, cpu FROM cpu UNION ALL SELECT ts, 'generator', pid, cpu FROM self),
            each AS (SELECT floor((ts - {begin}) / {step}) * {step} AS t, role, pid, avg(cpu) AS cpu
                     FROM every WHERE ts BETWEEN {begin} AND {end} GROUP BY ALL),
            known AS (SELECT t, role, sum(cpu) AS cores FROM each WHERE role <> '{MACHINE}' GROUP BY ALL),
            others AS (SELECT t, 'others' AS role, greatest(0, any_value(m.cpu) - coalesce(sum(k.cores), 0)) AS cores
                       FROM each m LEFT JOIN known k USING (t) WHERE m.role = '{MACHINE}' GROUP BY t)
            SELECT t, t + {step} AS t2, role, cores FROM (FROM known UNION ALL FROM others) ORDER BY t""",  # noqa: S608
    )


def pods(db: duckdb.DuckDBPyConnection) -> Rows:
    """{"t", "workload", "pods"}: how many pods of each Deployment of workers or front ends were seen."""
    begin, end = span(db)
    step = max(width(end - begin), 2.0)
    return rows(
        db,
        f"""SELECT floor((ts - {begin}) / {step}) * {step} AS t, count(DISTINCT host) AS pods,
              regexp_replace(host, '-[a-z0-9]+-[a-z0-9]{{5}}$', '') AS workload
            FROM cpu WHERE host IS NOT NULL AND role IN ('worker', 'web') AND ts BETWEEN {begin} AND {end}
            GROUP BY ALL ORDER BY t""",  # noqa: S608
    )


def others(db: duckdb.DuckDBPyConnection, phase: str) -> float | None:
    """Mean cores that programs of no part of the run used during a phase; None when nobody looked."""
    row = db.execute(
        f"""WITH ours AS (SELECT role, pid, avg(cpu) AS cpu FROM cpu WHERE phase = $1 GROUP BY ALL
                          UNION ALL SELECT 'generator', pid, avg(cpu) FROM self WHERE phase = $1 GROUP BY ALL)
            SELECT sum(cpu) FILTER (WHERE role = '{MACHINE}') - sum(cpu) FILTER (WHERE role <> '{MACHINE}')
            FROM ours""",  # noqa: S608
        [phase],
    ).fetchone()
    return None if row is None or row[0] is None else max(0.0, float(row[0]))


def phases(db: duckdb.DuckDBPyConnection) -> Rows:
    """{"phase", "begin", "cut", "end"} in seconds since the start; up to `cut` it was warm-up."""
    begin, _ = span(db)
    return rows(
        db,
        f"""SELECT phase, min(scheduled) - {begin} AS "begin",
              greatest(min(p.started) + min(p.warmup) - {begin}, min(scheduled) - {begin}) AS cut,
              max(scheduled) - {begin} AS "end" FROM tasks JOIN phases p USING (phase) GROUP BY phase ORDER BY 2""",  # noqa: S608
    )


def breakdown(db: duckdb.DuckDBPyConnection, where: str) -> Rows:
    """{"group", "stage", "owner", "seconds", "n"}: mean time in each stage: all, middle, slowest tasks."""
    means = ", ".join(f"avg({s.end} - {s.begin}) AS {s.name}" for s in CHAIN)
    complete = " AND ".join(f"{s.end} IS NOT NULL" for s in CHAIN) + " AND scheduled IS NOT NULL"
    found = rows(
        db,
        f"""WITH whole AS (SELECT *, percent_rank() OVER (ORDER BY finished - scheduled) AS place FROM tasks
                           WHERE {where} AND {complete})
            SELECT 'all tasks' AS "group", count(*) AS n, {means} FROM whole
            UNION ALL SELECT 'the middle 10 %', count(*), {means} FROM whole WHERE place BETWEEN 0.45 AND 0.55
            UNION ALL SELECT 'the slowest 1 %', count(*), {means} FROM whole WHERE place >= 0.99""",  # noqa: S608
    )
    return [
        {"group": row["group"], "stage": s.title, "owner": s.owner, "seconds": row[s.name], "n": row["n"]}
        for row in found
        for s in CHAIN
        if row["n"]
    ]
