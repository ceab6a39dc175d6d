"""Did a stack sustain a rate? Judged by what was done, not by latency: a queue that grows is not sustained."""

import statistics
from pathlib import Path

import duckdb

from loadtests.analysis import join
from loadtests.analysis.result import Probe
from loadtests.analysis.self_check import CPU, LATE_P99

# Sustained: at least this share of what was due was done, and the backlog grew by no more than the rest.
SHARE = 0.98
STEP = 0.1  # seconds between two looks at the backlog


def judge(results: Path, phase: str, offered: float | None) -> Probe:
    """The verdict on one phase, from its parts."""
    with join.database() as db:
        join.load(db, results, only=phase)
        return _judge(db, results, phase, offered)


def lateness(results: Path, phase: str) -> float:
    """The generator's own lateness in a phase after its warm-up: 99th percentile, seconds."""
    with join.database() as db:
        join.load_kind(db, results, "sends", phase)
        meta = next(each for each in join.phases(results) if each["phase"] == phase)
        return _generator_late(db, meta["started"] + float(meta["warmup"]))


def _judge(db: duckdb.DuckDBPyConnection, results: Path, phase: str, offered: float | None) -> Probe:
    meta = next(each for each in join.phases(results) if each["phase"] == phase)
    begin = meta["started"] + float(meta["warmup"])
    query = "SELECT max(scheduled), count(*) FILTER (WHERE outcome <> 'accepted') FROM sends"
    last, bad = db.execute(query).fetchone() or (None, 0)
    if last is None or last <= begin:
        return Probe(phase=phase, offered=offered, done=0.0, slope=0.0, verdict="overloaded", why="nothing was sent")
    # A stack that tells nothing of its tasks is judged by what it accepted.
    done = (
        "(SELECT id, min(finished) AS finished FROM records WHERE state IN ('success', 'failure') GROUP BY id)"
        if meta.get("followed", True)
        else "(SELECT id, answered AS finished FROM sends WHERE outcome = 'accepted')"
    )
    db.execute(f"CREATE TABLE moments AS SELECT scheduled, finished FROM sends LEFT JOIN {done} USING (id)")  # noqa: S608
    if offered is None:
        return _estimate(db, phase, begin)
    due, finished = db.execute(
        """SELECT count(*) FILTER (WHERE scheduled BETWEEN $1 AND $2),
             count(*) FILTER (WHERE finished BETWEEN $1 AND $2) FROM moments""",
        [begin, last],
    ).fetchone() or (0, 0)
    slope = backlog_slope(_backlog(db, begin, last))
    late, cpu = _generator_late(db, begin), _generator_cpu(db, begin)
    rate = finished / (last - begin)
    common = {"phase": phase, "offered": offered, "done": rate, "slope": slope}
    if meta.get("lost"):
        return Probe(**common, verdict="generator saturated", why="a generator process was lost on the way")
    if cpu > CPU:
        why = f"a generator process used {cpu:.0%} of its core"
        return Probe(**common, verdict="generator saturated", why=why)
    if bad:
        return Probe(**common, verdict="overloaded", why=f"{bad:,} requests were not accepted")
    if finished < SHARE * due:
        return Probe(**common, verdict="overloaded", why=f"{finished / due:.0%} of what was due was done")
    if slope > (1 - SHARE) * offered:
        return Probe(**common, verdict="overloaded", why=f"the backlog grew by {slope:.0f} tasks a second")
    if late > LATE_P99:
        return Probe(
            **common, verdict="overloaded", why=f"sending fell {late * 1000:.0f} ms behind: no CPU left on this machine"
        )
    return Probe(**common, verdict="sustained", why=f"{finished / due:.1%} done, backlog flat")


def _estimate(db: duckdb.DuckDBPyConnection, phase: str, begin: float) -> Probe:
    """As fast as answers came: all of it, over the time until the last was finished."""
    query = "SELECT count(*), max(finished), max(scheduled) FROM moments WHERE scheduled >= $1 AND finished IS NOT NULL"
    done, end, last = db.execute(query, [begin]).fetchone() or (0, None, None)
    if not done:
        return Probe(phase=phase, offered=None, done=0.0, slope=0.0, verdict="overloaded", why="no task finished")
    rate, sent = done / (end - begin), done / (last - begin)
    why = f"{sent:.0f}/s were accepted; the last was done {end - last:.1f} s after it was sent"
    return Probe(phase=phase, offered=None, done=rate, slope=sent - rate, verdict="estimate", why=why)


def _backlog(db: duckdb.DuckDBPyConnection, begin: float, end: float) -> list[tuple[float, float]]:
    """(seconds, tasks due and not finished) at even steps."""
    # Each task is counted at the first step that sees it, and the counts are summed up along the run: comparing every
    # task with every step takes minutes for a million of them.
    first = f"CAST(greatest(ceil(({{0}} - $1) / {STEP}), 0) AS BIGINT)"
    due, done = first.format("scheduled"), first.format("finished")
    found = db.execute(
        f"""WITH steps AS (SELECT range AS step FROM range(CAST(floor(($2 - $1) / {STEP}) AS BIGINT) + 1)),
              changes AS (SELECT {due} AS step, 1 AS n FROM moments WHERE scheduled IS NOT NULL
                          UNION ALL SELECT {done}, -1 FROM moments WHERE finished IS NOT NULL),
              summed AS (SELECT step, sum(n) AS n FROM changes GROUP BY step)
            SELECT step * {STEP}, sum(coalesce(n, 0)) OVER (ORDER BY step) FROM steps LEFT JOIN summed USING (step)
            ORDER BY step""",  # noqa: S608
        [begin, end],
    ).fetchall()
    return [(float(t), float(n)) for t, n in found]


def backlog_slope(points: list[tuple[float, float]]) -> float:
    """Growth in tasks a second: the least-squares line through the points. 0 for fewer than three."""
    if len(points) < 3:
        return 0.0
    slope, _ = statistics.linear_regression([t for t, _ in points], [n for _, n in points])
    return slope


def _generator_late(db: duckdb.DuckDBPyConnection, begin: float) -> float:
    query = "SELECT quantile_cont(sent - greatest(scheduled, free), 0.99) FROM sends WHERE scheduled >= $1"
    row = db.execute(query, [begin]).fetchone()
    return float(row[0] or 0) if row else 0.0


def _generator_cpu(db: duckdb.DuckDBPyConnection, begin: float) -> float:
    """Mean share of a core of the busiest generator process."""
    query = "SELECT max(mean) FROM (SELECT avg(cpu) AS mean FROM self WHERE ts >= $1 GROUP BY host, pid)"
    row = db.execute(query, [begin]).fetchone()
    return float(row[0] or 0) if row else 0.0
