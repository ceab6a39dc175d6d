"""A result on one screen of a terminal."""

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from loadtests.analysis.clocks import doubtful
from loadtests.analysis.result import Interval, Result
from loadtests.analysis.stages import STAGES

# With another percentile, p95, a line would not fit into 80 columns; the report has it.
SHOWN = ("p50", "p90", "p99", "p999")


def seconds(value: float | None) -> str:
    """Three digits in the unit that fits."""
    if value is None:
        return "–"
    for factor, unit in ((1.0, "s"), (1e3, "ms")):
        if value * factor >= 0.9995:
            return f"{value * factor:#.3g}".rstrip(".") + f" {unit}"
    return f"{value * 1e6:.0f} µs"


def offset(value: tuple[float, float]) -> str:
    """An offset or drift and its bound."""
    return f"{'-' if value[0] <= -1e-6 else '+'}{seconds(abs(value[0]))} ± {seconds(value[1])}"


def show(result: Result, console: Console) -> None:
    """Print it."""
    good = result.valid and result.ledger.balanced
    title = f"{result.scenario} · run {result.run}"
    console.print(Panel(Group(*_body(result)), title=title, border_style="green" if good else "red", padding=(0, 1)))


def _body(result: Result) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if not result.valid:
        parts += [Text(f"INVALID: {reason}", style="bold red") for reason in result.reasons]
    elif result.throughput.rate is not None:
        text = Text.assemble((f"{result.throughput.rate:,.0f} tasks/s", "bold"), f"  {result.throughput.how}")
        parts.append(text)
    run = result.latency_run
    if run and result.valid:
        at = f"at {run.offered:,.0f} tasks/s" if run.offered else "as fast as answers came"
        share = f" ({run.share:.0%} of it)" if run.share else ""
        parts.append(Text(f"latency read {at}{share} over {run.seconds:.0f} s, {run.cut:,} warm-up tasks cut", "dim"))
        parts.append(_latencies(result))
    parts.append(_ledger(result))
    if result.hosts and result.valid:
        parts.append(_hosts(result))
    if doubtful(result.latency, result.clocks) or any(each.surprising or each.unread for each in result.clocks):
        parts.append(_clocks(result))
    parts += [Text(f"{name}: {_interval(each)}") for name, each in result.comparisons.items()]
    parts += [Text(f"note: {note}", style="yellow") for note in result.notes[:6]]
    return parts


def _latencies(result: Result) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    table.add_column("seconds from → to")
    for name in (*SHOWN, "tasks"):
        table.add_column(name.replace("p999", "p99.9"), justify="right")
    for stage in STAGES:
        found = result.latency.get(stage.name)
        if found:
            style = "bold" if stage.kind == "total" else ("dim" if stage.kind == "branch" else "")
            values = [seconds(getattr(found, name)) for name in SHOWN]
            table.add_row(stage.title, *values, f"{found.count:,}", style=style)
    return table


def _hosts(result: Result) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title, justify in (("where", "left"), ("tasks", "right"), ("share", "right"), ("cores", "right"), ("", "left")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for each in result.hosts:
        tasks = (f"{each.tasks:,}", f"{each.share:.0%}") if each.tasks else ("", "")
        roles = ", ".join(f"{role} {cores:.2f}" for role, cores in each.roles.items() if cores >= 0.005)
        table.add_row(each.host, *tasks, "–" if each.cores is None else f"{each.cores:.2f}", roles)
    return table


def _clocks(result: Result) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title, justify in (("clock", "left"), ("ahead by", "right"), ("drift", "right"), ("", "left")):
        table.add_column(title, justify=justify)  # type: ignore[arg-type]
    for each in result.clocks:
        ahead = offset((each.readings[0].offset, each.readings[0].bound)) if each.readings else "–"
        drift = offset(each.drift) if each.drift else "–"
        table.add_row(each.machine, ahead, drift, f"by {each.how}{', the same clock' if each.same else ''}")
    return table


def _ledger(result: Result) -> Text:
    book = result.ledger
    text = (
        f"accepted {book.accepted:,} = finished {book.finished:,} + dead-lettered {book.dead_lettered:,} + "
        f"revoked {book.revoked:,} + expired {book.expired:,}; missing {book.missing:,}; duplicated {book.duplicated:,}"
    )
    if book.unknown_fate.sent or book.refused:
        text += f"; refused {book.refused:,}, unknown fate {book.unknown_fate.sent:,}"
    return Text(
        ("balanced: " if book.balanced else "DOES NOT BALANCE: ") + text, "green" if book.balanced else "bold red"
    )


def _interval(each: Interval) -> str:
    return f"{each.value:.2f} [{each.low:.2f}, {each.high:.2f}] {each.what}, {each.pairs} pairs"
