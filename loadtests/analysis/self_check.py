"""Was it the generator? A run whose generator was late or out of CPU measured the generator, and says so."""

import duckdb
from pydantic import BaseModel, Field

# Seconds. Beyond this the schedule was not kept, and what is measured is no longer the plan that was asked for. Timers
# of a busy machine are late by some milliseconds (a scheduler's time slice); ten of those are not a timer's fault.
LATE_P99 = 0.05
# Share of one core. Locust is single-threaded per process and warns at the same value.
CPU = 0.9
# Where other programs hold the processors, a generator at its end uses little of one: it waits for one instead. Senders
# that were not free and a process that was hardly ever idle are then its own doing, or cannot be told from it.
BUSY, HELD = 0.8, 0.01  # share of the time with work to do; share of the arrivals that found no free sender


class SelfCheck(BaseModel):
    """Times in seconds, CPU as shares of one core."""

    late_p99: float | None = Field(description="sent − (scheduled, or when a sender became free): the generator's own")
    late_max: float | None
    waited: int = Field(
        description="arrivals that waited for a free sender: the stack held all of them; part of the latency"
    )
    sent: int
    cpu_mean: float | None = Field(description="of the busiest generator process")
    cpu_max: float | None
    starved: float | None = Field(
        None, description="share of the time in which that process had work and no processor; null: nobody looked"
    )
    processes: int
    saturated: str | None = Field(description="why the run says nothing about the stack; null: the generator kept up")


def self_check(db: duckdb.DuckDBPyConnection, where: str, phases: list[str]) -> SelfCheck:
    """Over the rows of `tasks` that fit `where`, and the CPU samples of these phases."""
    late = "sent - greatest(scheduled, free)"
    row = db.execute(
        f"""SELECT quantile_cont({late}, 0.99), max({late}), count(*) FILTER (WHERE free > scheduled + 0.001), count(*)
            FROM tasks WHERE {where}"""  # noqa: S608
    ).fetchone() or (None, None, 0, 0)
    cpu = db.execute(
        """SELECT max(mean), max(most), count(*), arg_max(starved, mean), max(mean + coalesce(starved, 0)) FROM (
             SELECT avg(cpu) AS mean, max(cpu) AS most, avg(starved) AS starved
             FROM self WHERE list_contains(?, phase) GROUP BY host, pid)""",
        [phases],
    ).fetchone() or (None, None, 0, None, None)
    saturated = None
    if row[0] is not None and row[0] > LATE_P99:
        saturated = (
            f"1 % of the tasks left the generator {row[0] * 1000:.0f} ms late or later (limit {LATE_P99 * 1000:.0f} ms)"
        )
    elif cpu[0] is not None and cpu[0] > CPU:
        saturated = f"a generator process used {cpu[0]:.0%} of its core (limit {CPU:.0%})"
    elif cpu[4] is not None and cpu[4] > BUSY and row[2] > HELD * row[3]:
        saturated = (
            f"a generator process had work for {cpu[4]:.0%} of the time (limit {BUSY:.0%}), with a processor or "
            f"without, and {row[2]:,} of {row[3]:,} arrivals found no free sender"
        )
    return SelfCheck(
        late_p99=row[0],
        late_max=row[1],
        waited=row[2],
        sent=row[3],
        cpu_mean=cpu[0],
        cpu_max=cpu[1],
        starved=cpu[3],
        processes=cpu[2],
        saturated=saturated,
    )
