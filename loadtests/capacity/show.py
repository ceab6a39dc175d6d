"""Capacity and plan on the terminal."""

import math
from collections.abc import Callable

from rich.table import Table

from loadtests.capacity.document import Arm, Capacity, Estimate, Model, Prediction
from loadtests.capacity.plan import Plan
from loadtests.capacity.saturation import decisive
from loadtests.report.terminal import seconds

NAIVE = "naive: the error of the latency at the nearest fitted rate, without a model"


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    return table


def runs(arm: Arm) -> Table:
    """Every run of one worker count."""
    table = _table("run", "offered/s", "done/s", "backlog/s", "p50", "p99", "tasks", "verdict")
    for point in arm.points:
        offered = f"{point.offered:,.0f}" if point.offered else "–"
        latency = ("–", "–") if point.verdict == "invalid" else (*map(seconds, map(point.latency.get, ("p50", "p99"))),)
        done, slope = ("–", "–") if point.verdict == "invalid" else (f"{point.done:,.0f}", f"{point.slope:+.1f}")
        table.add_row(point.name, offered, done, slope, *latency, f"{point.count:,}", point.verdict)
    return table


def parts(arm: Arm) -> Table:
    """How busy each part was in the run that tells which gives way first."""
    point = decisive(arm.points)
    assert point is not None
    table = _table(f"in {point.name}", "cores", "busy", "of")
    for name, part in point.parts.items():
        cores = "–" if part.cores is None else f"{part.cores:.2f}"
        table.add_row(name, cores, "–" if part.share is None else f"{part.share:.0%}", part.of)
    return table


def sentence(arm: Arm, objectives: list[str]) -> str:
    """What it comes to."""
    met = " ".join(objectives) or "a stable queue"
    if arm.rate is None:
        return f"{arm.workers} worker processes: NO NUMBER: {_why_none(arm)}"
    above = f", not {arm.limit:,.0f}" if arm.limit and not arm.at_least else ""
    least = "at least " if arm.at_least else ""
    return f"{arm.workers} worker processes: {least}{arm.rate:,.0f} tasks/s meet {met}{above}"


def _why_none(arm: Arm) -> str:
    tried = [point for point in arm.points if point.offered]
    if not tried:
        return arm.points[0].why if arm.points else "nothing was measured"
    last = min(tried, key=lambda point: point.offered or 0)
    if all(point.verdict == "invalid" for point in tried):
        return f"no run was valid: {last.why}. More --generators, or a machine of its own for the generator"
    return f"not even {last.offered:,.0f} tasks/s: {last.why}. `warren report` on that run shows where the time goes"


def model(found: Model) -> list[Table]:
    """Parameters with their intervals, and predictions with their errors."""
    table = _table("parameter", "value", "95 %", "what")
    table.add_row("service", seconds(found.service.value), _interval(found.service, seconds), found.service.of)
    table.add_row("spread", f"{found.spread:.2f}", "–", "squared coefficient of variation of it")
    table.add_row("servers", str(found.servers), "–", f"in each process; what fills up first: {found.bound}")
    for name, each in (("gamma", found.single), ("alpha", found.contention), ("beta", found.coherency)):
        what = {"gamma": "tasks/s of one process", "alpha": "contention", "beta": "coherency"}[name]
        table.add_row(name, _small(each.value), _interval(each, _small), f"USL: {what}")
    tested = _table("held out: workers", "tasks/s", "what", "predicted", "measured", "error", "naive")
    for told in found.predictions:
        workers, rate, *others = prediction(told)
        tested.add_row(workers, rate, told.what, *others)
    tested.caption = NAIVE
    return [table, tested]


def prediction(told: Prediction) -> tuple[str, ...]:
    """Processes, tasks a second, predicted, measured, its error, that of the naive guess."""
    form: Callable[[float | None], str] = _per_second if told.what.startswith("highest") else seconds
    predicted = form(told.predicted) if told.predicted is not None else "grows"
    errors = ("–" if each is None else f"{each:+.0%}" for each in (told.error, told.naive))
    return str(told.workers), f"{told.rate:,.0f}", predicted, form(told.measured), *errors


def capacity(found: Capacity) -> list[Table | str]:
    """All of it, from top to bottom."""
    shown: list[Table | str] = []
    for arm in found.arms:
        shown += [runs(arm)]
        if any(point.verdict != "invalid" for point in arm.points):
            shown.append(parts(arm))
        shown.append(sentence(arm, found.objectives))
        shown.append(f"saturates first: {arm.first or 'not known'}: {arm.why}")
    shown += model(found.model) if found.model else ["no model: no stable, valid run told a worker's service time"]
    shown += [f"note: {note}" for note in (*(found.model.notes if found.model else ()), *found.notes)]
    shown += [f"NOT MET: {text}" for text in found.unmet]
    accepted, missing, twice = (
        sum(getattr(point, name) for arm in found.arms for point in arm.points)
        for name in ("accepted", "missing", "duplicated")
    )
    balance = "balanced" if found.balanced else "DOES NOT BALANCE"
    shown.append(f"ledger {balance}: accepted {accepted:,}, missing {missing:,}, duplicated {twice:,}")
    return shown


def plan(found: Plan) -> list[str]:
    """The count, how sure it is, and what would break it first."""
    lines = [
        f"{found.rate:g} tasks/s: {found.workers} worker processes of pool {found.pool} ({_between(found)}), "
        f"{found.utilisation:.0%} busy"
    ]
    lines += [f"  {objective}: {seconds(value)} predicted" for objective, value in found.predicted.items()]
    lines.append(f"breaks first: the assumption {found.breaks}")
    return [*lines, *(f"note: {warning}" for warning in found.warnings)]


def _between(found: Plan) -> str:
    if found.low is None or found.high is None:
        return "no interval: too few saturated runs"
    if math.isinf(found.high):
        least = "" if math.isinf(found.low) else f"{found.low:g} or more; "
        return f"95 %: {least}at the pessimistic end no count suffices"
    return f"95 %: between {found.low:g} and {found.high:g}"


def _interval(each: Estimate, form: Callable[[float], str]) -> str:
    return "–" if each.low is None or each.high is None else f"{form(each.low)} – {form(each.high)}"


def _small(value: float) -> str:
    """What a fit leaves of nothing is nothing."""
    return f"{value:.3g}" if value >= 1e-6 else "0"


def _per_second(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}/s"
