"""Joins part files into one record a task, with DuckDB: it streams, spills to disk and writes Parquet itself."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from loadtests.generator import parts

MEMORY = "512MB"
RECORDS = "records.parquet"
FINAL_COUNTING = "state IN ('success', 'failure')"

COLUMNS = {
    "sends": "id VARCHAR, task VARCHAR, scheduled DOUBLE, free DOUBLE, sent DOUBLE, answered DOUBLE, status INTEGER, "
    "outcome VARCHAR, published DOUBLE, confirmed DOUBLE, error VARCHAR",
    "records": "id VARCHAR, task VARCHAR, queue VARCHAR, scheduled DOUBLE, received DOUBLE, started DOUBLE, "
    "finished DOUBLE, state VARCHAR, worker VARCHAR, attempt INTEGER, redelivered BOOLEAN, known DOUBLE",
    "dead": "id VARCHAR, task VARCHAR, queue VARCHAR, reason VARCHAR, count INTEGER, time DOUBLE",
    "queues": "ts DOUBLE, name VARCHAR, messages BIGINT, consumers BIGINT",
    "self": "ts DOUBLE, pid BIGINT, host VARCHAR, cpu DOUBLE, starved DOUBLE, rss BIGINT, in_flight INTEGER",
    "cpu": "ts DOUBLE, role VARCHAR, pid BIGINT, cpu DOUBLE, rss BIGINT, host VARCHAR",
}


class BadResults(Exception):
    """The results folder cannot be read; the text says what is wrong with it."""


@contextmanager
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database of bounded size that spills into a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="warren-") as spill:
        connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": spill, "threads": 2})
        try:
            yield connection
        finally:
            connection.close()


def phases(results: Path) -> list[dict[str, Any]]:
    """What each phase was (its phase.json), in order of start. Raises BadResults."""
    found = []
    for path in sorted((results / "parts").glob("*/phase.json")):
        try:
            meta = json.loads(path.read_text(encoding="utf-8"))
            found.append(meta | {"phase": path.parent.name, "started": float(meta["started"])})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadResults(f"{path}: not a phase of a run: {error}") from error
    if not found:
        raise BadResults(f"{results}: there is no run in it (no parts/*/phase.json)")
    return sorted(found, key=lambda phase: phase["started"])


def load(db: duckdb.DuckDBPyConnection, results: Path, only: str = "*") -> list[str]:
    """Make the tables of all parts, or of `only` one phase. Returns what was odd: lines cut off. Raises BadResults."""
    return [each for kind in parts.KINDS for each in load_kind(db, results, kind, only)]


def load_kind(db: duckdb.DuckDBPyConnection, results: Path, kind: str, only: str = "*") -> list[str]:
    """Make the table of one kind of part. Returns what was odd. Raises BadResults."""
    files = sorted((results / "parts").glob(f"{only}/{kind}-*.ndjson"))
    odd = [f"{path.relative_to(results)}: its last line is cut off and left out" for path in files if _cut_off(path)]
    if not files:
        db.execute(f"CREATE TABLE {kind} ({COLUMNS[kind]}, phase VARCHAR)")
        return odd
    columns = ", ".join(f"'{name}': '{type_}'" for name, type_ in (c.split() for c in COLUMNS[kind].split(", ")))
    source = f"read_ndjson(?, columns={{{columns}}}, filename=true, ignore_errors=true)"
    phase = "parse_filename(parse_dirpath(filename)) AS phase"
    try:
        db.execute(
            f"CREATE TABLE {kind} AS SELECT * EXCLUDE filename, {phase} FROM {source}",  # noqa: S608
            [[str(path) for path in files]],
        )
    except duckdb.Error as error:
        raise BadResults(f"{results}/parts: {kind}: {error}") from error
    # Lines that are no JSON come out as all null.
    key = "ts" if COLUMNS[kind].startswith("ts ") else "id"
    db.execute(f"DELETE FROM {kind} WHERE {key} IS NULL")  # noqa: S608
    return odd


def load_phases(db: duckdb.DuckDBPyConnection, results: Path) -> None:
    """Make the table of phases: when each began, how long its warm-up was, whether tasks' ends are known."""
    db.execute("CREATE TABLE phases (phase VARCHAR, started DOUBLE, warmup DOUBLE, followed BOOLEAN)")
    rows = [(p["phase"], p["started"], float(p.get("warmup") or 0), p.get("followed", True)) for p in phases(results)]
    db.executemany("INSERT INTO phases VALUES (?, ?, ?, ?)", rows)


def join(db: duckdb.DuckDBPyConnection, results: Path) -> None:
    """Make the table `tasks`, one row a task sent, and write it to records.parquet. Needs `load`."""
    load_phases(db, results)
    # A reader that asks again, or a worker killed while shipping, repeats lines: the same attempt is counted once.
    db.execute(
        """CREATE TABLE attempts AS SELECT id, state, attempt, worker, received, started, finished,
             any_value(queue) AS queue, bool_or(redelivered) AS redelivered, min(known) AS known
           FROM records GROUP BY ALL"""
    )
    db.execute(
        f"""CREATE TABLE tasks AS
        WITH ended AS (
            SELECT id, count(*) AS attempts, count(*) FILTER (WHERE {FINAL_COUNTING}) AS finishes,
                arg_min({{'received': received, 'started': started, 'finished': finished, 'known': known,
                    'state': state, 'worker': worker, 'queue': queue}}, finished)
                    FILTER (WHERE {FINAL_COUNTING}) AS done,
                arg_max({{'state': state, 'worker': worker, 'queue': queue}}, finished) AS latest,
                bool_or(state = 'revoked') AS revoked, bool_or(state = 'expired') AS expired,
                bool_or(redelivered) AS redelivered
            FROM attempts GROUP BY id),
        letters AS (SELECT id, any_value(reason) AS reason, any_value(queue) AS queue FROM dead GROUP BY id)
        SELECT s.id, s.task, coalesce(e.done.queue, e.latest.queue, l.queue) AS queue, s.phase,
            s.scheduled < p.started + p.warmup AS warmup,
            s.scheduled, s.free, s.sent, s.answered, s.status, s.outcome, s.published, s.confirmed,
            e.done.received AS received, e.done.started AS started, e.done.finished AS finished, e.done.known AS known,
            CASE WHEN e.done IS NOT NULL THEN e.done.state WHEN l.id IS NOT NULL THEN 'dead'
                 WHEN e.revoked THEN 'revoked' WHEN e.expired THEN 'expired'
                 WHEN s.outcome <> 'accepted' THEN NULL WHEN p.followed THEN 'missing' ELSE 'not known' END AS state,
            coalesce(e.attempts, 0) AS attempts, coalesce(e.finishes, 0) AS finishes,
            coalesce(e.redelivered, false) AS redelivered, l.id IS NOT NULL AS dead, l.reason AS dead_reason,
            coalesce(e.done.worker, e.latest.worker) AS worker, s.error
        FROM sends s JOIN phases p USING (phase) LEFT JOIN ended e USING (id) LEFT JOIN letters l USING (id)"""  # noqa: S608
    )
    target = str(results / RECORDS).replace("'", "''")
    db.execute(f"COPY (FROM tasks ORDER BY scheduled) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")


def view(db: duckdb.DuckDBPyConnection, results: Path) -> None:
    """Make the view `tasks` of the records that were written there. Raises BadResults."""
    path = results / RECORDS
    if not path.exists():
        raise BadResults(f"{results}: no {RECORDS} in it")
    quoted = str(path).replace("'", "''")
    try:
        db.execute(f"CREATE VIEW tasks AS SELECT * FROM read_parquet('{quoted}')")  # noqa: S608
        db.execute("SELECT count(*) FROM tasks").fetchone()
    except duckdb.Error as error:
        raise BadResults(f"{path}: cut off, or not a Parquet file: {error}") from error


def _cut_off(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"
