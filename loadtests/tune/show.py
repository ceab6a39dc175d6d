"""A tuning on the terminal."""

import json

from rich.table import Table

from loadtests.analysis.result import Interval
from loadtests.report.terminal import seconds
from loadtests.tune.document import Price, Standing, Tune, Walk

# Rows of the table; the page has all of them.
MOST = 14
CORNERS = {
    "early-ack": "acknowledging late",
    "no-confirms": "waiting for confirms",
    "classic": "quorum queues",
    "rpc": "a result store",
}


def tune(found: Tune) -> list[Table | str]:
    """All of it, from top to bottom."""
    shown: list[Table | str] = []
    for walk in found.walks:
        shown += [title(walk), table(walk), best(walk)]
        shown += [price(each, walk.percentile) for each in walk.prices]
    shown += [f"{each.corner}: {each.sentence}" for each in found.proofs]
    shown += [f"note: {note}" for note in found.notes]
    if not found.balanced:
        shown.append("SAFE SETTINGS LOST TASKS: the ledger does not balance")
    return shown


def title(walk: Walk) -> str:
    """What was tuned for, and how latency was read."""
    rate = f", latency read at {walk.rate:g} tasks/s" if walk.rate else ""
    limit = f"; {walk.percentile} may be {seconds(walk.objective)}" if walk.objective else ""
    return f"{walk.task} {json.dumps(walk.args)} in pool {walk.pool}{rate}{limit}"


def table(walk: Walk) -> Table:
    """The fastest candidates, and the present one in any case."""
    shown = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("settings", "tasks/s", walk.percentile, "MiB", "runs", "could lose"):
        words = name in ("settings", "could lose")
        shown.add_column(name, justify="left" if words else "right", no_wrap=not words)
    rows = walk.standings[:MOST]
    rows += [each for each in walk.standings[MOST:] if each.candidate in (walk.present, walk.best)]
    for each in rows:
        shown.add_row(*row(each, walk), style=_style(each, walk))
    return shown


def row(each: Standing, walk: Walk) -> list[str]:
    """One candidate's cells."""
    marks = ("▸ " if each.candidate == walk.best else "") + ("(now) " if each.candidate == walk.present else "")
    rate = "not told" if each.throughput is None else f"{'≥ ' if each.sender_bound else ''}{each.throughput:,.0f}"
    held = "–" if each.memory is None else f"{each.memory:,.0f}"
    return [f"{marks}{each.candidate}", rate, tail(each), held, str(each.runs), ", ".join(each.corners)]


def tail(each: Standing) -> str:
    """Its percentile, in words where there is none."""
    return "grows" if each.carries is False else seconds(each.tail)


def best(walk: Walk) -> str:
    """What the walk comes to."""
    if walk.best is None:
        return f"NO NUMBER: {walk.why}"
    gain = ""
    if walk.gain and walk.best != walk.present:
        change = walk.gain.change
        gain = f" ({change.value - 1:+.0%}, between {change.low - 1:+.0%} and {change.high - 1:+.0%})"
    return f"best safe settings: {walk.best}{gain}: {walk.why}"


def price(each: Price, percentile: str) -> str:
    """What a piece of safety costs."""
    said = f"{CORNERS[each.corner]}: without it {_change(each.throughput)} tasks/s"
    return f"{said}, {percentile} {_change(each.tail)}" if each.tail else said


def _change(interval: Interval) -> str:
    unsure = "" if interval.low > 1 or interval.high < 1 else ", so no difference seen"
    return (
        f"{interval.value - 1:+.0%} (between {interval.low - 1:+.0%} and {interval.high - 1:+.0%} over "
        f"{interval.pairs} rounds{unsure})"
    )


def _style(each: Standing, walk: Walk) -> str:
    if each.candidate == walk.best:
        return "bold green"
    return "yellow" if each.corners else "dim" if each.throughput is None else ""
