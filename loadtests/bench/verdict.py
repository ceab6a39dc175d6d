"""Did a stack sustain a rate? Judged by what was done, not by latency: a queue that grows is not sustained."""

from pathlib import Path
from typing import Any

import duckdb

from loadtests.analysis import join
from loadtests.analysis.backlog import SHARE, flow, settling
from loadtests.analysis.result import Probe
from loadtests.analysis.self_check import CPU, LATE_P99


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


def settled(results: Path, phase: str) -> float:
    """Seconds that a run of such tasks takes until as many end as begin: no warm-up may be shorter."""
    with join.database() as db:
        for kind in ("sends", "records"):
            join.load_kind(db, results, kind, phase)
        _moments(db, next(each for each in join.phases(results) if each["phase"] == phase))
        return settling(db)


def _judge(db: duckdb.DuckDBPyConnection, results: Path, phase: str, offered: float | None) -> Probe:
    meta = next(each for each in join.phases(results) if each["phase"] == phase)
    begin = meta["started"] + float(meta["warmup"])
    query = "SELECT min(scheduled), max(scheduled), count(*) FILTER (WHERE outcome <> 'accepted') FROM sends"
    first, last, bad = db.execute(query).fetchone() or (None, None, 0)
    if first is not None and not float(meta["warmup"]):
        begin = min(begin, first)  # senders without a schedule do not wait for the start
    if last is None or last <= begin:
        return Probe(phase=phase, offered=offered, done=0.0, slope=0.0, verdict="overloaded", why="nothing was sent")
    _moments(db, meta)
    if offered is None:
        return _estimate(db, phase, begin)
    found = flow(db, begin)
    if found is None:
        why = (
            f"it takes {settling(db):.1f} s until as many of these tasks end as begin, and the run lasted "
            f"{last - meta['started']:.1f} s: run longer"
        )
        return Probe(phase=phase, offered=offered, done=0.0, slope=0.0, verdict="overloaded", why=why)
    due, finished, slope = found.due, found.finished, found.slope
    late, cpu = _generator_late(db, begin), _generator_cpu(db, begin)
    common = {"phase": phase, "offered": offered, "done": found.done, "slope": slope}
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


def _moments(db: duckdb.DuckDBPyConnection, meta: dict[str, Any]) -> None:
    """The table that `backlog` reads. A stack that tells nothing of its tasks is judged by what it accepted."""
    ended = (
        f"""(SELECT id, min(finished) AS finished, arg_min(started, finished) AS started FROM records
            WHERE {join.FINAL_COUNTING} GROUP BY id)"""  # noqa: S608
        if meta.get("followed", True)
        else "(SELECT id, answered AS finished, NULL AS started FROM sends WHERE outcome = 'accepted')"
    )
    db.execute(
        f"CREATE TABLE moments AS SELECT scheduled, started, finished FROM sends LEFT JOIN {ended} USING (id)"  # noqa: S608
    )


def _estimate(db: duckdb.DuckDBPyConnection, phase: str, begin: float) -> Probe:
    """As fast as answers came: all of it, over the time until the last was finished."""
    query = "SELECT count(*), max(finished), max(scheduled) FROM moments WHERE scheduled >= $1 AND finished IS NOT NULL"
    done, end, last = db.execute(query, [begin]).fetchone() or (0, None, None)
    if not done:
        return Probe(phase=phase, offered=None, done=0.0, slope=0.0, verdict="overloaded", why="no task finished")
    rate, sent = done / (end - begin), done / (last - begin)
    why = f"{sent:.0f}/s were accepted; the last was done {end - last:.1f} s after it was sent"
    return Probe(phase=phase, offered=None, done=rate, slope=sent - rate, verdict="estimate", why=why)


def _generator_late(db: duckdb.DuckDBPyConnection, begin: float) -> float:
    query = "SELECT quantile_cont(sent - greatest(scheduled, free), 0.99) FROM sends WHERE scheduled >= $1"
    row = db.execute(query, [begin]).fetchone()
    return float(row[0] or 0) if row else 0.0


def _generator_cpu(db: duckdb.DuckDBPyConnection, begin: float) -> float:
    """Mean share of a core of the busiest generator process."""
    query = "SELECT max(mean) FROM (SELECT avg(cpu) AS mean FROM self WHERE ts >= $1 GROUP BY host, pid)"
    row = db.execute(query, [begin]).fetchone()
    return float(row[0] or 0) if row else 0.0
