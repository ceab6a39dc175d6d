"""What came of the checks, on the terminal."""

from rich.table import Table

from loadtests.selfcheck.document import Check, SelfCheck, Verdict

STYLES: dict[Verdict, str] = {"passed": "", "failed": "bold red", "not told": "yellow", "not done": "yellow"}


def line(check: Check) -> str:
    """As a check ends: what was to be seen and what was."""
    rows = "; ".join(f"{row.what}: {row.expected} → {row.seen}" for row in check.rows)
    return f"{check.name}: {check.verdict} ({check.seconds:.0f} s). {rows or check.why}"


def table(found: SelfCheck) -> Table:
    """One row for each thing that was compared."""
    shown = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for name in ("check", "verdict"):
        shown.add_column(name, no_wrap=True)
    for name in ("what", "expected", "seen", "bound"):
        shown.add_column(name)
    for check in found.checks:
        if not check.rows:
            shown.add_row(check.name, check.verdict, check.why, style=STYLES[check.verdict])
        for number, row in enumerate(check.rows):
            lead = (check.name, check.verdict) if number == 0 else ("", "")
            style = STYLES["passed"] if row.ok else STYLES[check.verdict]
            shown.add_row(*lead, row.what, row.expected, row.seen, row.bound, style=style)
    return shown


def sentences(found: SelfCheck) -> list[str]:
    """What the table has no room for; above all, what was not seen to be true."""
    said = [f"note: {check.name}: {note}" for check in found.checks for note in check.notes]
    said += [
        f"{check.verdict.upper()}: {check.name}: {check.why}" for check in found.checks if check.verdict != "passed"
    ]
    counts = {verdict: len(found.names(verdict)) for verdict in STYLES}
    return [
        *said,
        ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count) or "nothing was checked",
    ]
