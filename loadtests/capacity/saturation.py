"""Which part gives way first: how busy each was, and before which of them tasks came to wait."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from loadtests.analysis import join
from loadtests.analysis.timeline import MACHINE
from loadtests.capacity.document import Point, Utilisation

GENERATOR, WEB, BROKER, WORKER, RESULTS = PARTS = ("generator", "web", "broker", "worker", "results")
# The stores of results, by the names that the targets' samples give them.
STORES = {"results", "valkey", "redis", "postgresql"}
# Of a machine's cores: above it whatever runs there waits for a processor.
FULL = 0.9
# Seconds by which a wait must grow within one run to be a queue and not chance.
GROWN = 0.05


@dataclass(frozen=True)
class Pool:
    """What is known of the stack beforehand. `cores`: of the machine, or of each; None: not known.

    `machines`: host or pod → the machine that it shares with others.
    """

    slots: int = 1
    prefork: bool = False
    web: int | None = None
    cores: int | None = None
    machines: Mapping[str, str] = field(default_factory=dict)

    @property
    def lanes(self) -> int:
        """Tasks that one process can compute at once."""
        return self.slots if self.prefork else 1


@dataclass
class Seen:
    """What one run tells beside its latency. See Point."""

    parts: dict[str, Utilisation]
    waiting: dict[str, float]
    service: float | None
    spread: float
    bound: Any
    processes: int


def look(results: Path, phase: str, pool: Pool, done: float) -> Seen:
    """Read one run's parts; `analyse` must have written its records. `done`: tasks a second."""
    meta = next(each for each in join.phases(results) if each["phase"] == phase)
    begin = meta["started"] + float(meta["warmup"])
    with join.database() as db:
        join.load_kind(db, results, "cpu", phase)
        join.load_kind(db, results, "self", phase)
        join.view(db, results)
        last = _one(db, "SELECT max(scheduled) FROM tasks") or begin
        cores, hosts = _cores(db, begin, last)
        processes = int(_one(db, "SELECT count(DISTINCT worker) FROM tasks WHERE finishes > 0") or 0)
        task = "finished IS NOT NULL AND started IS NOT NULL AND NOT warmup"
        busy = _one(db, f"SELECT avg(greatest(finished - started, 0)) FROM tasks WHERE {task}")  # noqa: S608
        deviation = _one(db, f"SELECT var_pop(greatest(finished - started, 0)) FROM tasks WHERE {task}")  # noqa: S608
        waiting = _waiting(db)
        sender = _one(db, f"SELECT max(c) FROM (SELECT avg(cpu) c FROM self WHERE ts >= {begin} GROUP BY host, pid)")  # noqa: S608
    # What a process computes for a task, whatever the record says of it: taking it in, its acknowledgement.
    computing = cores[WORKER] / done if WORKER in cores and done > 0 else None
    by_slots = (busy or 0.0) * done / (processes * pool.slots) if processes else None
    by_cpu = cores[WORKER] / (processes * pool.lanes) if processes and WORKER in cores else None
    cpu_bound = by_cpu is not None and by_cpu > (by_slots or 0.0)
    service = computing if cpu_bound else busy
    # How the processor time of tasks varies is not recorded; exponential is the usual, careful assumption.
    spread = 1.0 if cpu_bound or not busy else (deviation or 0.0) / busy**2
    whole = pool.cores

    def room(part: str) -> int | None:
        """Cores of the machines that it was seen on."""
        machines = {pool.machines.get(host, host) for host in hosts.get(part, ())}
        return whole and whole * max(1, len(machines))

    processes_of_web = pool.web and pool.web * max(1, len(hosts.get(WEB, ())))
    parts = {
        GENERATOR: Utilisation(cores=sender, share=sender, of="one core of its busiest process"),
        WEB: _share(cores, WEB, processes_of_web and min(processes_of_web, room(WEB) or math.inf), "its processes"),
        BROKER: _share(cores, BROKER, room(BROKER), "its machine's cores"),
        WORKER: Utilisation(
            cores=cores.get(WORKER),
            share=max((each for each in (by_slots, by_cpu) if each is not None), default=None),
            of="a core for each process" if cpu_bound else "its slots",
        ),
        RESULTS: _share(cores, RESULTS, room(RESULTS), "its machine's cores")
        if RESULTS in cores
        else Utilisation(cores=None, share=None, of="no process of its own here: part of worker and web"),
    }
    if MACHINE in cores:
        share = cores[MACHINE] / whole if whole else None
        parts[MACHINE] = Utilisation(cores=cores[MACHINE], share=share, of="all programs on this machine")
    return Seen(parts, waiting, service or None, spread, "cpu" if cpu_bound else "slots", processes)


def name_first(points: list[Point]) -> tuple[str | None, str]:
    """The part that saturates first, and why one says so, from all runs of an arm."""
    valid = [point for point in points if point.verdict != "invalid"]
    growing = [point for point in valid if grew(point)]
    late = [point for point in points if point.verdict == "invalid"]
    if not valid or (late and not growing):
        return (GENERATOR, late[0].why) if late else (None, "nothing was measured")
    point = decisive(points)
    assert point is not None
    shares = {name: found.share for name, found in point.parts.items() if found.share is not None and name in PARTS}
    busiest = max(shares, key=lambda name: shares[name], default=None)
    grown = max(point.waiting, key=lambda name: point.waiting[name], default=None)
    if growing and grown and point.waiting[grown] >= GROWN:
        first = grown
        load = f"at {point.offered:,.0f} tasks/s" if point.offered else "as fast as answers came"
        why = f"{load} the wait before it grew by {point.waiting[grown]:.2f} s within one run"
    elif busiest is None:
        return None, "no processor use was sampled, and no queue grew: ask the hosts themselves"
    else:
        first, why = busiest, f"no queue grew; it was the busiest at {point.done:,.0f} tasks/s"
    if first in shares:
        why += f", {shares[first]:.0%} of {point.parts[first].of} busy"
    machine = point.parts.get(MACHINE)
    if machine and machine.share is not None and machine.share >= FULL:
        used = {name: each.cores for name, each in point.parts.items() if each.cores and name in PARTS}
        used["other programs"] = max(0.0, (machine.cores or 0.0) - sum(used.values()))
        shared = ", ".join(f"{name} {used[name]:.1f}" for name in sorted(used, key=lambda name: -used[name]))
        why += f"; the machine's cores were {machine.share:.0%} used ({shared})"
        # No part was full itself: they wait for a processor, and none of them would be helped alone.
        if shares.get(first, 0.0) < FULL:
            return MACHINE, f"{first} had to wait for it: {why}"
    return first, why


def grew(point: Point) -> bool:
    """A queue grew, be it behind a front end that took in more than workers got done, with no rate of its own."""
    return point.verdict == "growing" or (
        point.verdict == "estimate" and max(point.waiting.values(), default=0.0) >= GROWN and point.slope > GROWN
    )


def decisive(points: list[Point]) -> Point | None:
    """The run that tells what gives way: the slowest whose queue grew, else the one with the most done."""
    valid = [point for point in points if point.verdict != "invalid"]
    growing = [point for point in valid if grew(point)]
    if growing:
        return min(growing, key=lambda each: each.offered or math.inf)
    return max(valid, key=lambda each: each.done, default=None)


def _waiting(db: duckdb.DuckDBPyConnection) -> dict[str, float]:
    """By how much the wait before each part grew from the first third of a run to its last, in seconds."""
    waits = {
        # Waiting for a sender that waits for the front end; a broker slow to confirm holds the front end.
        WEB: "coalesce(confirmed - published, 0) * -1 + answered - scheduled",
        BROKER: "confirmed - published",
        WORKER: "started - greatest(published, coalesce(confirmed, published))",
    }
    columns = ", ".join(
        f"avg({wait}) FILTER (WHERE place > 2/3.0) - avg({wait}) FILTER (WHERE place < 1/3.0)"
        for wait in waits.values()
    )
    row = db.execute(
        f"""SELECT {columns} FROM (SELECT *, percent_rank() OVER (ORDER BY scheduled) AS place FROM tasks
            WHERE outcome = 'accepted' AND NOT warmup)"""  # noqa: S608
    ).fetchone()
    return {name: float(grown) for name, grown in zip(waits, row or (), strict=False) if grown is not None}


def _cores(db: duckdb.DuckDBPyConnection, begin: float, end: float) -> tuple[dict[str, float], dict[str, set[str]]]:
    """Role → mean cores in use, and the hosts it was seen on; none where there is one machine only."""
    rows = db.execute(
        """SELECT role, sum(cpu), list(DISTINCT host) FROM (
             SELECT role, pid, host, avg(cpu) AS cpu FROM cpu WHERE ts BETWEEN ? AND ? GROUP BY ALL) GROUP BY role""",
        [begin, end],
    ).fetchall()
    cores: dict[str, float] = {}
    seen: dict[str, set[str]] = {}
    for role, used, hosts in rows:
        name = RESULTS if role in STORES else str(role)
        cores[name] = cores.get(name, 0.0) + float(used)
        seen.setdefault(name, set()).update(host for host in hosts if host)
    return cores, seen


def _share(cores: dict[str, float], name: str, ceiling: float | None, of: str) -> Utilisation:
    used = cores.get(name)
    share = used / ceiling if used is not None and ceiling else None
    return Utilisation(cores=used, share=share, of=of)


def _one(db: duckdb.DuckDBPyConnection, query: str) -> float | None:
    row = db.execute(query).fetchone()
    return None if row is None or row[0] is None else float(row[0])
