"""What a fault did to the tasks of its run, from records.parquet."""

from pathlib import Path
from typing import Any

import duckdb

from app.contract import Contract
from loadtests.analysis import join
from loadtests.analysis.ledger import Ledger
from loadtests.faults.document import Order, Recovery, Twice

# Seconds in which a later task must have been published to say that it overtook: pools of several processes take
# neighbours in any order.
OVERTAKEN = 1.0
# Latency is back when so many seconds in a row are as usual; one good second may be luck.
STEADY = 3
# Of the tasks due in one second, the share that must be as quick as that share was before. The load before a fault has
# tasks enough for this percentile (100), not for a p99 (1,000): one slow task would make slow ones usual.
SHARE = 0.9
# Seconds more than usual that are still usual: a busy machine's own noise.
SLACK = 0.1


def recovery(results: Path, began: float, ended: float) -> Recovery:
    """`began`, `ended`: epoch seconds of the fault."""
    with join.database() as db:
        join.view(db, results)
        success, silence = _one(
            db,
            """WITH done AS (SELECT scheduled, finished FROM tasks WHERE finished IS NOT NULL),
                 points AS (SELECT finished AS t FROM done WHERE finished > $1 UNION ALL SELECT $1),
                 gaps AS (SELECT t - lag(t) OVER (ORDER BY t) AS gap FROM points)
               SELECT min(finished) FILTER (scheduled >= $1) - $1, (SELECT max(gap) FROM gaps) FROM done""",
            [began],
        )
        (usual,) = _one(
            db,
            f"""SELECT quantile_cont(finished - scheduled, {SHARE}) FROM tasks
               WHERE NOT warmup AND finished IS NOT NULL AND scheduled < $1 AND finished < $1""",  # noqa: S608
            [began],
        )
        back = None if usual is None else _back(_seconds(db, began, usual), ended - began)
    return Recovery(first_success=success, usual=usual, back=back, silence=silence)


def order(results: Path, began: float) -> Order:
    """Whether tasks of a queue started in an order that their publishing does not explain."""
    with join.database() as db:
        join.view(db, results)
        before, after = _one(
            db,
            f"""WITH started AS (SELECT queue, published, started, min(started) OVER (
                     PARTITION BY queue ORDER BY published
                     RANGE BETWEEN {OVERTAKEN} FOLLOWING AND UNBOUNDED FOLLOWING) AS later
                   FROM tasks WHERE started IS NOT NULL AND published IS NOT NULL)
                SELECT count(*) FILTER (started < $1), count(*) FILTER (started >= $1)
                FROM started WHERE later < started""",  # noqa: S608
            [began],
        )
    return Order(before=before, after=after, broken=after > 0 and before == 0)


def twice(results: Path, book: Ledger, contract: Contract) -> Twice:
    """Why tasks ended more than once, by the settings that decide it."""
    with join.database() as db:
        join.view(db, results)
        again, otherwise = _one(
            db, "SELECT count(*) FILTER (redelivered), count(*) FILTER (NOT redelivered) FROM tasks WHERE finishes > 1"
        )
    return Twice(redelivered=again, otherwise=otherwise, why=_why(again, otherwise, book, contract))


def settings(contract: Contract) -> dict[str, str]:
    """What decides whether a task is handed out again, and how often."""
    pools = ", ".join(f"{name} {pool.prefetch}" for name, pool in contract.pools.items())
    return {
        "acknowledged": "late: when the task is done (task_acks_late, task_reject_on_worker_lost)",
        "queue_type": contract.broker.queue_type,
        "delivery_limit": str(contract.broker.delivery_limit),
        "prefetch": f"{pools} (messages that a worker process may hold)",
    }


def _why(again: int, otherwise: int, book: Ledger, contract: Contract) -> str:
    late = "a message is acknowledged when its task is done (late acknowledgement)"
    if book.redelivered == 0 and otherwise == 0:
        return "nothing was handed out again, and nothing ran twice"
    said = []
    if again:
        said.append(
            f"{again:,} ended, and their acknowledgement did not reach the broker: {late}, so it handed them out again "
            f"(at most {contract.broker.delivery_limit} times, delivery_limit)"
        )
    if only := book.redelivered - again:
        said.append(f"{only:,} were handed out again and ended once: {late}, so what had not ended was not lost")
    if otherwise:
        said.append(f"{otherwise:,} ended twice without a redelivery: they were published more than once")
    return "; ".join(said)


def _seconds(db: duckdb.DuckDBPyConnection, began: float, usual: float) -> dict[int, bool]:
    """Second after the begin → whether it was as usual. What was refused or never ended counts as slow."""
    rows = db.execute(
        """SELECT CAST(floor(scheduled - $1) AS INTEGER) AS second,
             avg(CASE WHEN finished - scheduled <= $2 THEN 1.0 ELSE 0.0 END) FROM tasks
           WHERE scheduled >= $1 GROUP BY second""",
        [began, usual + SLACK],
    ).fetchall()
    return {second: share >= SHARE for second, share in rows}


def _back(seconds: dict[int, bool], length: float) -> float | None:
    """The first of STEADY usual seconds in a row that the fault did not interrupt again; None: none until the end."""
    last = max(seconds, default=-1)
    # A second in which nothing was due says nothing: neither slow nor the end of a row.
    usual = [seconds.get(second, True) for second in range(last + 1)]
    worse = [second for second, good in enumerate(usual) if not good]
    disturbed = next((second for second in worse if second <= length + STEADY), None)
    if disturbed is None:
        return 0.0 if last + 1 >= STEADY else None
    # While the fault lasts, three good seconds are no return.
    first = next(
        (
            second
            for second in range(max(disturbed, int(length)), last + 2 - STEADY)
            if all(usual[second : second + STEADY])
        ),
        None,
    )
    return None if first is None else float(first)


def _one(db: duckdb.DuckDBPyConnection, query: str, values: list[Any] | None = None) -> tuple[Any, ...]:
    row = db.execute(query, values).fetchone()
    assert row is not None
    return row
