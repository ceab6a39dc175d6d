"""Large runs made by DuckDB in seconds, in the generator's own part files. made_run.py has small ones, by hand.

python -m tests.large_run FOLDER TASKS
"""

import json
import sys
from pathlib import Path

import duckdb

from loadtests.generator import parts

START = 1_800_000_000.0
WARMUP = 2.0
# Beside ordinary tasks, one in so many is: finished twice, a dead letter, refused, without a clear answer.
TWICE, DEAD, REFUSED, UNKNOWN = 1000, 2500, 5000, 10_000


def make(results: Path, tasks: int, generators: int = 4, rate: float = 1000.0) -> Path:
    """One phase of `tasks` tasks at `rate` a second, sent by `generators` processes. The same each time."""
    folder = parts.folder(results, "run")
    folder.mkdir(parents=True)
    about = {"run": "made", "phase": "run", "scenario": "noop", "rate": rate, "arrivals": "constant", "seed": 1}
    about |= {"warmup": WARMUP, "started": START, "ended": START + tasks / rate + 1, "followed": True}
    (folder / "phase.json").write_text(json.dumps(about))
    with duckdb.connect(config={"memory_limit": "1GB", "threads": 2}) as db:
        # `u`: evenly distributed and the same each time, so waits can be made of it; `kind`: what became of it.
        db.execute(
            f"""CREATE VIEW made AS SELECT i, {START} + i / {rate} AS due,
                  CAST(md5(CAST(i AS VARCHAR)) AS UUID)::VARCHAR AS id,
                  (hash(i, 1) % 1000003) / 1000003.0 AS u, (hash(i, 2) % 1000003) / 1000003.0 AS v,
                  CASE WHEN i % {TWICE} = 7 THEN 'twice' WHEN i % {DEAD} = 11 THEN 'dead'
                       WHEN i % {REFUSED} = 13 THEN 'refused' WHEN i % {UNKNOWN} = 17 THEN 'unknown'
                       ELSE 'ok' END AS kind
                FROM range({tasks}) t(i)"""
        )
        for generator in range(generators):
            _write(db, folder / f"sends-made-{generator}.ndjson", SENDS + f" WHERE i % {generators} = {generator}")
            _write(db, folder / f"self-made-{generator}.ndjson", _self(generator, tasks / rate))
        _write(db, folder / "records-made-0.ndjson", f"{RECORDS} FROM made WHERE kind NOT IN ('dead', 'refused')")
        # The same attempt told twice, as a reader that asks again does, and a second attempt that finished later.
        _write(db, folder / "records-made-1.ndjson", f"{RECORDS} FROM made WHERE i % 5000 = 1")
        _write(db, folder / "records-made-2.ndjson", f"{AGAIN} FROM made WHERE kind = 'twice'")
        _write(db, folder / "dead-made-0.ndjson", LETTERS)
        _write(db, folder / "queues-made-0.ndjson", _queues(tasks / rate))
        _write(db, folder / "cpu-made-0.ndjson", _cpu(tasks / rate))
    return results


SENDS = """SELECT id, 'noop' AS task, due AS scheduled, due - 0.002 AS free, due + 0.0005 + v * 0.001 AS sent,
      CASE WHEN kind <> 'unknown' THEN due + 0.004 + u * 0.003 END AS answered,
      CASE kind WHEN 'refused' THEN 503 WHEN 'unknown' THEN 0 ELSE 202 END AS status,
      CASE kind WHEN 'refused' THEN 'refused' WHEN 'unknown' THEN 'unknown' ELSE 'accepted' END AS outcome,
      due + 0.002 AS published, due + 0.003 + v * 0.002 AS confirmed FROM made"""

RECORDS = """SELECT id, 'made' AS run, 'noop' AS task, 'fast' AS queue, due AS scheduled,
      due + 0.004 + v * 0.002 AS received, due + 0.007 - ln(1 - u) * 0.01 AS started,
      due + 0.0075 - ln(1 - u) * 0.01 AS finished, 'success' AS state, 'fast-' || i % 8 || '@here' AS worker,
      1 AS attempt, false AS redelivered, due + 1 + u AS known"""

AGAIN = RECORDS.replace("1 AS attempt, false AS", "2 AS attempt, true AS").replace("due + 0.0075", "due + 5")

LETTERS = """SELECT id, 'noop' AS task, 'fast' AS queue, 'delivery_limit' AS reason, 6 AS count, due + 9 AS "time"
      FROM made WHERE kind = 'dead'"""


def _self(generator: int, seconds: float) -> str:
    return f"""SELECT {START} + i / 2 AS ts, {100 + generator} AS pid, 'here' AS host, 0.4 AS cpu, 80000000 AS rss,
        3 AS in_flight FROM range({int(seconds * 2)}) t(i)"""


def _queues(seconds: float) -> str:
    return f"""SELECT {START} + 2 * i AS ts, name, i % 40 AS messages, 8 AS consumers
        FROM range({int(seconds / 2)}) t(i), unnest(['fast', 'io', 'long']) q(name)"""


def _cpu(seconds: float) -> str:
    return f"""SELECT {START} + i AS ts, role, pid, CASE role WHEN 'machine' THEN 3.5 ELSE 0.3 END AS cpu,
          90000000 AS rss, 'here' AS host
        FROM range({int(seconds)}) t(i),
          (VALUES ('web', 1), ('web', 2), ('broker', 3), ('worker', 4), ('worker', 5), ('machine', 0)) p(role, pid)"""


def _write(db: duckdb.DuckDBPyConnection, path: Path, query: str) -> None:
    db.execute(f"COPY ({query}) TO '{path}' (FORMAT json)")


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))
