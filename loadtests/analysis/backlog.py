"""What was done while it was due, and how the backlog of it went: a queue that is emptied later was a queue.

Reads a table `moments` (scheduled, started, finished), one row a task, in epoch seconds; null is what never happened.
"""

import math
import statistics
from dataclasses import dataclass

import duckdb

# Sustained: at least this share of what was due was done, and the backlog grew by no more than the rest.
SHARE = 0.98
# A backlog grew when it grew by more than so many standard deviations of what chance does to it.
SIGMAS = 3.0
STEP = 0.1  # seconds between two looks at the backlog
# Tasks under way are a backlog too. It grows until the first of them end: so many service times, or what nearly all
# took, whichever is longer. Told by the tasks that were due first, before a queue or its load could make them slower.
SETTLED, NEARLY_ALL, FIRST = 1.5, 0.99, 0.2
# Of a run after its warm-up, the share that must be left then: less tells nothing.
LEFT = 0.2


@dataclass(frozen=True)
class Flow:
    """From `begin` to `end`, epoch seconds. `slope`: growth of the backlog in tasks a second. `level`: its mean."""

    begin: float
    end: float
    due: int
    finished: int
    slope: float
    level: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin

    @property
    def done(self) -> float:
        """Tasks a second that were finished while others were still due."""
        return self.finished / self.seconds

    @property
    def grew(self) -> bool:
        """By more than a sustained rate allows, and than chance."""
        return self.slope * self.seconds > (1 - SHARE) * self.due and more_than_chance(
            self.slope, self.seconds, self.level
        )


def flow(db: duckdb.DuckDBPyConnection, warm: float) -> Flow | None:
    """From the end of the warm-up `warm`, or later where tasks are long, to the last scheduled instant.

    None: next to nothing is left in between.
    """
    first, last = db.execute("SELECT min(scheduled), max(scheduled) FROM moments").fetchone() or (None, None)
    if first is None or last <= warm:
        return None
    begin = max(warm, first + settling(db))
    if last - begin < LEFT * (last - warm):
        return None
    due, finished = db.execute(
        """SELECT count(*) FILTER (WHERE scheduled BETWEEN $1 AND $2),
             count(*) FILTER (WHERE finished BETWEEN $1 AND $2) FROM moments""",
        [begin, last],
    ).fetchone() or (0, 0)
    points = looks(db, begin, last)
    level = statistics.fmean(n for _, n in points) if points else 0.0
    return Flow(begin, last, due, finished, backlog_slope(points), level)


def settling(db: duckdb.DuckDBPyConnection) -> float:
    """Seconds after the first task until about as many end as begin; 0 where nobody tells when a task was started."""
    row = db.execute(
        f"""SELECT greatest({SETTLED} * avg(took), quantile_cont(took, {NEARLY_ALL})) FROM (
              SELECT finished - started AS took, percent_rank() OVER (ORDER BY scheduled) AS place FROM moments
              WHERE scheduled IS NOT NULL AND finished IS NOT NULL AND started IS NOT NULL)
            WHERE place <= {FIRST}"""  # noqa: S608
    ).fetchone()
    return max(0.0, float(row[0])) if row and row[0] is not None else 0.0


def more_than_chance(slope: float, seconds: float, level: float) -> bool:
    """Drawn arrivals make a short queue longer and shorter. `level`: tasks that are in it, and under way, at a time."""
    # That number is about Poisson, so two looks at it differ by this much. Clocks that differ may make it negative.
    return slope * seconds > SIGMAS * math.sqrt(2 * max(0.0, level))


def looks(db: duckdb.DuckDBPyConnection, begin: float, end: float) -> list[tuple[float, float]]:
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
