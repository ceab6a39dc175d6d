"""From a results folder's parts to its result.json and records.parquet."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from loadtests.analysis import clocks, join, manifest, result, timeline
from loadtests.analysis.backlog import Flow, flow
from loadtests.analysis.clocks import Clock
from loadtests.analysis.histograms import QUANTILES, Latency, latencies
from loadtests.analysis.ledger import Ledger, ledger
from loadtests.analysis.result import Interval, LatencyRun, Probe, Result, Throughput
from loadtests.analysis.self_check import SelfCheck, self_check
from loadtests.analysis.shares import HostShare, shares

# Cores. More than that taken by other programs shows in the numbers.
NOISE = 0.2
# Seconds. By clocks that are known less well than this, a short run's last tasks may look like a queue that grows.
ALIKE = 0.5

UNKNOWN = [
    "tasks that were refused, or never finished, have no latency: the percentiles are of those that finished",
    "a worker's record says when the task returned, not when its result was stored or its message acknowledged",
]


@dataclass
class Asked:
    """What is known beyond the parts. `latency_phase`: where percentiles are read (None: the only one)."""

    made_by: Any = "locust"
    latency_phase: str | None = None
    share: float | None = None
    rate: float | None = None
    limit: float | None = None
    how: str = "tasks finished per second while others were due, at the rate that was offered"
    probes: list[Probe] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    comparisons: dict[str, Interval] = field(default_factory=dict)


def analyse(results: Path, asked: Asked) -> Result:
    """Read the parts, write records.parquet and result.json, and return the result. Raises BadResults."""
    phases, about = join.phases(results), manifest.read(results)
    with join.database() as db:
        odd = join.load(db, results)
        join.join(db, results)
        found = _result(db, phases, asked, odd, clocks.known(db, phases, about))
    found.notes += clocks.notes(found.latency, found.clocks)
    found.machines = manifest.machines(about)
    result.write(results, found)
    return found


def measured(phase: str) -> str:
    """The condition on `tasks` for what counts: accepted, of that phase, after the warm-up."""
    quoted = phase.replace("'", "''")
    return f"phase = '{quoted}' AND NOT warmup AND outcome = 'accepted'"


def _result(
    db: duckdb.DuckDBPyConnection, phases: list[dict[str, Any]], asked: Asked, odd: list[str], beside: list[Clock]
) -> Result:
    names = [str(phase["phase"]) for phase in phases]
    main: str | None = asked.latency_phase or (names[-1] if asked.made_by == "locust" or len(names) == 1 else None)
    reasons, notes = list(asked.reasons), [*asked.notes, *odd]
    reasons += [
        f"{phase['phase']} was interrupted" for phase in phases if phase.get("ended") is None and not asked.reasons
    ]
    reasons += [_lost(phase["phase"], each) for phase in phases for each in phase.get("lost") or []]
    counts = ledger(db)
    if counts.sent == 0:
        reasons.append("nothing was sent")
    values: dict[str, Latency] = {}
    latency_run: LatencyRun | None = None
    check: SelfCheck | None = None
    hosts: list[HostShare] = []
    if main is not None and main in names:
        meta = phases[names.index(main)]
        values = latencies(db, measured(main))
        low, high = clocks.ahead("worker", beside)
        latency_run = _latency_run(db, meta, asked, (low + high) / 2 if high - low <= ALIKE else None)
        if high - low > ALIKE:
            notes.append("whether the backlog grew is not told: the workers' clocks are not known well enough")
        hosts = shares(db, measured(main), main)
        busy = timeline.others(db, main)
        if busy is not None and busy > NOISE:
            notes.append(f"programs of no part of the run used {busy:.1f} of this machine's cores: expect noise")
        check = self_check(db, f"{_all_of(main)} AND NOT warmup", [main])
        if check.saturated:
            reasons.append(f"generator saturated: {check.saturated}")
        if check.sent == 0 and counts.sent:
            reasons.append(
                f"nothing was sent after the warm-up of {latency_run.warmup:g} s: run longer, or with a shorter one"
            )
    rate = asked.rate if asked.made_by == "bench" else (latency_run.done if latency_run else None)
    if latency_run and latency_run.growth:
        notes.insert(
            0,
            f"the backlog grew by {latency_run.growth:.1f} tasks/s: only {latency_run.done:,.1f}/s were done while "
            "more came. This rate is not sustained, and the latency is that of a queue which grows with the run",
        )
    _note(notes, counts, check, values)
    unknown = list(UNKNOWN)
    if counts.not_known:
        unknown.insert(
            0, f"what became of {counts.not_known:,} accepted tasks: nobody tells (`done` counts accepted ones)"
        )
    if reasons:  # no number comes out of a run that is not valid
        rate, values = None, {name: _withheld(each) for name, each in values.items()}
    return Result(
        run=str(phases[0].get("run") or "?"),
        made_by=asked.made_by,
        scenario=str(phases[-1].get("task") or phases[-1].get("replay") or phases[-1].get("scenario")),
        started=phases[0]["started"],
        valid=not reasons,
        reasons=reasons,
        notes=notes,
        unknown=unknown,
        ledger=counts,
        throughput=Throughput(rate=rate, how=asked.how, limit=asked.limit, probes=asked.probes),
        latency=values,
        latency_run=latency_run,
        self_check=check,
        comparisons=asked.comparisons,
        hosts=hosts,
        clocks=beside,
    )


def _lost(phase: str, lost: dict[str, Any]) -> str:
    return (
        f"{phase}: generator {lost['generator']} was lost {lost['after']:g} s after the start, with {lost['sent']:,} "
        f"tasks sent; the rest of its share (one of {lost['of']}) was not sent"
    )


def _all_of(phase: str) -> str:
    return measured(phase).partition(" AND ")[0]


def _accepted(phase: str) -> str:
    return f"{_all_of(phase)} AND outcome = 'accepted'"


def _latency_run(db: duckdb.DuckDBPyConnection, meta: dict[str, Any], asked: Asked, ahead: float | None) -> LatencyRun:
    phase = meta["phase"]
    kept = db.execute(
        f"SELECT min(scheduled), max(scheduled) FROM tasks WHERE {measured(phase)}"  # noqa: S608
    ).fetchone() or (None, None)
    cut = db.execute(f"SELECT count(*) FROM tasks WHERE {_all_of(phase)} AND warmup").fetchone()  # noqa: S608
    seconds = (kept[1] - kept[0]) if kept[0] is not None else 0.0
    found = _flow(db, meta, ahead) if ahead is not None else None
    closed, replayed = meta.get("arrivals") == "closed", bool(meta.get("replay"))
    return LatencyRun(
        phase=phase,
        offered=None if closed or replayed else meta.get("rate"),
        share=asked.share,
        done=found.done if found else None,
        growth=(found.slope if found.grew else 0.0) if found else None,
        arrivals="replay" if replayed else str(meta.get("arrivals")),
        seed=meta.get("seed"),
        warmup=float(meta.get("warmup") or 0),
        cut=int(cut[0]) if cut else 0,
        seconds=seconds,
    )


def _flow(db: duckdb.DuckDBPyConnection, meta: dict[str, Any], ahead: float) -> Flow | None:
    """Of what was accepted and is no dead letter: that will never be done, and is no queue either.

    `ahead`: seconds by which the workers' clocks are ahead of the one that schedules.
    """
    db.execute(
        f"""CREATE OR REPLACE TEMP TABLE moments AS SELECT scheduled, started - {ahead} AS started,
              CASE state WHEN 'not known' THEN answered ELSE finished - {ahead} END AS finished
            FROM tasks WHERE {_accepted(meta["phase"])} AND state NOT IN ('dead', 'revoked', 'expired')"""  # noqa: S608
    )
    return flow(db, meta["started"] + float(meta.get("warmup") or 0))


def _withheld(latency: Latency) -> Latency:
    why = dict.fromkeys(QUANTILES, "the run is not valid")
    return latency.model_copy(update=dict.fromkeys(why) | {"max": None, "mean": None, "reasons": why})


def _note(notes: list[str], counts: Ledger, check: SelfCheck | None, values: dict[str, Latency]) -> None:
    if counts.strangers:
        notes.append(
            f"{counts.strangers:,} tasks have records but no part file says who sent them: a part file is missing"
        )
    if counts.unknown_fate.sent:
        notes.append(f"{counts.unknown_fate.sent:,} requests had no clear answer; the ledger lists them apart")
    if check and check.waited:
        notes.append(
            f"{check.waited:,} of {check.sent:,} arrivals waited for a free sender; that wait is in their latency. "
            "More users let more requests be in flight"
        )
    for name, latency in values.items():
        if latency.negative and name != "confirmed_to_received":
            notes.append(f"{name}: {latency.negative:,} negative differences, counted as 0: the hosts' clocks disagree")
