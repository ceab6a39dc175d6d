"""The outcome of a schedule as a table on the terminal."""

from rich.table import Table

from loadtests.faults.document import Faults, Outcome
from loadtests.report.terminal import seconds

COLUMNS = ("accepted", "finished", "dead", "missing", "twice", "first", "back", "order")


def table(found: Faults) -> Table:
    """One row a fault. `first`: until the first task that was due after it was done; `back`: until latency was."""
    shown = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    shown.add_column("fault", no_wrap=True)
    for name in COLUMNS:
        shown.add_column(name, justify="right")
    for each in found.faults:
        style = "" if each.ledger.balanced and each.valid else "yellow" if each.ledger.balanced else "bold red"
        shown.add_row(*_row(each), style=style)
    return shown


def sentences(found: Faults) -> list[str]:
    """What the table has no room for."""
    said = []
    for each in found.faults:
        if not each.ledger.balanced:
            said.append(f"{each.name}: THE LEDGER DOES NOT BALANCE: {each.ledger.missing:,} missing")
        said += [f"{each.name}: no times: {reason}" for reason in each.reasons]
        said.append(f"{each.name}: {each.twice.why}")
    return said + [f"note: {note}" for note in found.notes]


def back(each: Outcome) -> str:
    """Of a valid run."""
    if not each.valid:
        return "–"
    if each.recovery.back is None:
        return "not yet"
    return "no worse" if each.recovery.back == 0 else f"≤ {each.recovery.back:.0f} s"


def _row(each: Outcome) -> list[str]:
    book = each.ledger
    counts = (book.accepted, book.finished, book.dead_lettered, book.missing, book.duplicated)
    order = "broken" if each.order.broken else "kept"
    return [each.name, *(f"{n:,}" for n in counts), seconds(each.recovery.first_success), back(each), order]
