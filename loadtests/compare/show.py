"""A comparison on the terminal."""

from collections.abc import Callable

from rich.table import Table

from loadtests.compare.comparison import Comparison
from loadtests.compare.difference import Difference, Side
from loadtests.report.terminal import seconds


def table(comparison: Comparison) -> Table:
    """Medians with their intervals: a column for each metric."""
    found = Table(box=None, padding=(0, 1), header_style="dim")
    found.add_column("median")
    for each in comparison.differences:
        found.add_column(each.metric, justify="right", no_wrap=True)
    formats = [_rate if each.metric == "rate" else seconds for each in comparison.differences]
    for name in ("a", "b"):
        sides = [getattr(each, name) for each in comparison.differences]
        found.add_row(name.upper(), *(_side(side, form) for side, form in zip(sides, formats, strict=True)))
    changes = [each.change for each in comparison.differences]
    found.add_row("B ÷ A", *(f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]" for each in changes))
    found.add_row("p", *(f"{each.p:.2g}" for each in comparison.differences))
    return found


def sentence(difference: Difference) -> str:
    """What it comes to."""
    runs = len(difference.a.values)
    if not difference.different:
        return (
            f"{difference.metric}: no difference seen at {runs} runs a side "
            f"(smallest detectable: {difference.detectable:.1%})"
        )
    change = difference.change
    better = (change.value > 1) == (difference.metric == "rate")
    verdict = "B is worse" if difference.worse else "B is better" if better else "B is worse, which is tolerated"
    return (
        f"{difference.metric}: {change.value - 1:+.1%} from A to B, between {change.low - 1:+.1%} and "
        f"{change.high - 1:+.1%}: {verdict}"
    )


def _rate(value: float) -> str:
    return f"{value:,.0f}/s"


def _side(side: Side, show: Callable[[float], str]) -> str:
    return f"{show(side.median)} [{show(side.low)}, {show(side.high)}]"
