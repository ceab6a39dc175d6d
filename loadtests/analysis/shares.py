"""Which host, or pod, did how much: tasks by the records, processor time by the samples."""

import duckdb
from pydantic import BaseModel, Field


class HostShare(BaseModel):
    """One host or pod in the run the percentiles are of."""

    host: str
    tasks: int = Field(description="finished there")
    share: float = Field(description="of all that finished")
    processes: int = Field(description="workers that finished any of them")
    cores: float | None = Field(description="mean processor use; null: nobody looked")
    roles: dict[str, float] = Field(description="of it, in cores, by kind of service")


def shares(db: duckdb.DuckDBPyConnection, where: str, phase: str) -> list[HostShare]:
    """Empty where there is only one machine. `where`: the condition on `tasks`."""
    tasks: dict[str, tuple[int, int]] = {
        host: (finished, processes)
        for host, finished, processes in db.execute(
            f"""SELECT split_part(worker, '@', 2) AS host, count(*), count(DISTINCT worker) FROM tasks
                WHERE {where} AND finishes > 0 AND contains(worker, '@') GROUP BY 1"""  # noqa: S608
        ).fetchall()
    }
    used: dict[str, dict[str, float]] = {}
    # Each service's mean first: a sum over its samples would count the longer phase more.
    for host, role, cores in db.execute(
        """SELECT host, role, sum(cpu) FROM (
             SELECT host, role, pid, avg(cpu) AS cpu FROM cpu WHERE phase = ? AND host IS NOT NULL GROUP BY ALL)
           GROUP BY ALL ORDER BY 3 DESC""",
        [phase],
    ).fetchall():
        used.setdefault(host, {})[role] = cores
    if len(tasks) < 2 and not used:
        return []
    total = sum(finished for finished, _ in tasks.values())
    return [
        HostShare(
            host=host,
            tasks=tasks.get(host, (0, 0))[0],
            share=tasks.get(host, (0, 0))[0] / total if total else 0.0,
            processes=tasks.get(host, (0, 0))[1],
            cores=sum(used[host].values()) if host in used else None,
            roles=used.get(host, {}),
        )
        for host in sorted({*tasks, *used})
    ]
