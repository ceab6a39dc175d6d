"""A result against an earlier one: what became worse, as far as one run each can tell.

Worse is what changed by more than the tolerance, with an interval that leaves out "the same". The interval covers what
varied within the two runs; how far two runs of the very same thing lie apart takes repeated runs: `warren compare`.
"""

import json
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from loadtests.analysis import join, manifest
from loadtests.analysis.interval import CONFIDENCE
from loadtests.analysis.join import BadResults
from loadtests.analysis.result import Result
from loadtests.analysis.stages import HEADLINE
from loadtests.gate.slo import Outcome, Verdict
from loadtests.gate.spread import resampled
from loadtests.report.terminal import seconds

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
# Latency depends on the load, so it is only compared where it was read at the same one, give or take this much.
SAME_LOAD = 0.05
ONE_RUN_EACH = "one run each: what differs from run to run is not in the interval; `warren compare` measures that"


def comparable(now: Result, then: Result, folders: tuple[Path, Path], other_machine: bool) -> list[str]:
    """Raises BadResults when the two must not be compared. What to know when reading the comparison."""
    if not then.valid:
        raise BadResults(f"run {then.run}, to compare with, is not valid: {'; '.join(then.reasons)}")
    if now.scenario != then.scenario:
        raise BadResults(f"the runs sent different things: {now.scenario} now, {then.scenario} then")
    return [*_same_arguments(folders), *_same_machines(now, then, folders, other_machine), *_same_stack(folders)]


def _same_arguments(folders: tuple[Path, Path]) -> list[str]:
    ours, theirs = map(_arguments, folders)
    if ours is None or theirs is None:
        return ["whether both gave their tasks the same arguments is not known: a run has no parts/*/phase.json"]
    if ours != theirs:
        raise BadResults(f"the runs gave their tasks different arguments: {ours} now, {theirs} then")
    return []


def _arguments(folder: Path) -> str | None:
    """What --args was, written one way. None: nobody wrote it down."""
    try:
        return json.dumps(json.loads(join.phases(folder)[-1]["args"]), sort_keys=True)
    except (BadResults, KeyError, TypeError, ValueError):
        return None


def _same_machines(now: Result, then: Result, folders: tuple[Path, Path], other_machine: bool) -> list[str]:
    here, there = (
        each.machines or manifest.machines(manifest.read(folder))
        for each, folder in zip((now, then), folders, strict=True)
    )
    if here and here == there:
        return []
    told = f"now {', '.join(here) or 'unknown'}; then {', '.join(there) or 'unknown'}"
    if not other_machine:
        raise BadResults(
            f"the runs are of different machines ({told}), so the difference may be the machines'. "
            "Measure both on one, or say --other-machine"
        )
    return [f"the runs are of different machines ({told}): the difference may be theirs"]


def _same_stack(folders: tuple[Path, Path]) -> list[str]:
    """Of a front end by its URL nobody knows the machines: another host may be another stack on others."""
    here, there = (urlsplit((manifest.read(each).get("stack") or {}).get("url") or "").hostname for each in folders)
    if here == there:
        return []
    return [f"the runs are of different front ends (now {here or 'unknown'}; then {there or 'unknown'})"]


def judge(now: Result, then: Result, folders: tuple[Path, Path], tolerance: float) -> tuple[list[Verdict], list[str]]:
    """Rate and percentiles, each with a verdict, and what was not compared. `tolerance`: a share."""
    objective = f"no worse than {then.run}"
    if not now.valid:
        return [Verdict(objective, Outcome.NOT_MET, f"the run is not valid: {'; '.join(now.reasons)}")], []
    percentiles, notes = _percentiles(now, then, folders, tolerance)
    verdicts = [*_rate(now, then, tolerance), *percentiles]
    if not verdicts:
        why = "; ".join(notes) or "the two have no number in common"
        return [Verdict(objective, Outcome.CANNOT_TELL, why)], []
    return verdicts, [*notes, ONE_RUN_EACH]


def _rate(now: Result, then: Result, tolerance: float) -> list[Verdict]:
    one, other = now.throughput, then.throughput
    if not one.rate or not other.rate:
        return []  # nothing was searched for in one of them: what was done is what was asked for
    # A search knows its answer between the highest rate that was sustained and the lowest that was not.
    low, high = one.rate / (other.limit or other.rate), (one.limit or one.rate) / other.rate
    text = f"rate was {other.rate:,.0f}, is {one.rate:,.0f} tasks/s"
    return [_verdict("rate", text, one.rate / other.rate, (low, high), tolerance, more_is_worse=False)]


def _percentiles(
    now: Result, then: Result, folders: tuple[Path, Path], tolerance: float
) -> tuple[list[Verdict], list[str]]:
    loads = [each.latency_run and (each.latency_run.offered or each.latency_run.done) for each in (now, then)]
    if not loads[0] or not loads[1]:
        return [], ["no latency was read in one of the runs"]
    if abs(loads[0] / loads[1] - 1) > SAME_LOAD:
        return [], [
            f"percentiles are not compared: read at {loads[0]:,.0f} tasks/s now, at {loads[1]:,.0f} then. "
            "`warren bench --rate` reads both at one"
        ]
    spreads = [resampled(folders[side], (now, then)[side], PERCENTILES, seed=side + 1) for side in (0, 1)]
    verdicts, notes = [], []
    for name in PERCENTILES:
        title = name.replace("p999", "p99.9")
        new, old = (getattr(each.latency.get(HEADLINE), name, None) for each in (now, then))
        if not new or not old:
            notes.append(f"{title} is not compared: too few tasks for it in one of the runs")
            continue
        interval = None
        if spreads[0] and spreads[1]:
            tail = (1 - CONFIDENCE) / 2
            low, high = np.quantile(spreads[0][name] / spreads[1][name], [tail, 1 - tail])
            interval = float(low), float(high)
        text = f"{title} was {seconds(old)}, is {seconds(new)}"
        verdicts.append(_verdict(title, text, new / old, interval, tolerance, more_is_worse=True))
    return verdicts, notes


def _verdict(
    name: str, text: str, ratio: float, interval: tuple[float, float] | None, tolerance: float, more_is_worse: bool
) -> Verdict:
    worse = ratio - 1 if more_is_worse else 1 - ratio
    around = f"between {interval[0] - 1:+.1%} and {interval[1] - 1:+.1%}" if interval else "no interval without records"
    text += f" ({ratio - 1:+.1%}, {around})"
    objective = f"{name} not worse by more than {tolerance:.0%}"
    if worse <= tolerance:
        return Verdict(objective, Outcome.MET, text)
    if interval and interval[0] <= 1 <= interval[1]:
        return Verdict(objective, Outcome.MET, f"{text}: one run each cannot tell it from no change")
    return Verdict(objective, Outcome.NOT_MET, text)
