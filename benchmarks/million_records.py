"""What it takes to analyse a long run: `python -m benchmarks.million_records`.

A run of a million tasks is made first, in the generator's own part files. Then `warren report` joins and analyses it
and draws its page, in a process of its own of which time and peak memory are printed; and so is the memory that a
generator needs to follow as many records.
"""

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from loadtests.analysis import result
from loadtests.report.page import FILE
from tests.peak import taken

LONGEST, MOST = 60.0, 2**30  # seconds, bytes


@dataclass(frozen=True)
class Long:
    """`seconds` and `peak` (bytes) of `warren report`; `followed`: what following took, in words."""

    tasks: int
    seconds: float
    peak: int
    followed: str


def measure(tasks: int, say: Callable[[str], None]) -> Long:
    """Make a run and report it. Raises ClickException when either fails."""
    with tempfile.TemporaryDirectory(prefix="warren-") as folder:
        run = Path(folder) / "run"
        made = taken([sys.executable, "-m", "tests.large_run", str(run), str(tasks)])
        if made.code:
            raise click.ClickException(made.said)
        size = sum(path.stat().st_size for path in run.rglob("*.ndjson"))
        say(f"made {tasks:,} tasks: {size / 1e6:,.0f} MB of part files, {made.seconds:.0f} s")
        report = taken([str(Path(sys.executable).with_name("warren")), "report", str(run)])
        if not (run / FILE).exists():
            raise click.ClickException(report.said)
        book = result.read(run).ledger
        say(f"ledger: sent {book.sent:,}, finished {book.finished:,}, missing {book.missing:,}")
        say(f"warren report: {report.seconds:.1f} s, at most {report.peak / 2**20:,.0f} MiB")
        follow = taken([sys.executable, "-m", "tests.followed", str(run)])
        say(f"following: {follow.said.strip()}")
    return Long(tasks, report.seconds, report.peak, follow.said.strip())


@click.command()
@click.option("--tasks", type=click.IntRange(1000), default=1_000_000, show_default=True)
def main(tasks: int) -> None:
    """Exit code 1: it took longer, or more memory, than a long run may."""
    found = measure(tasks, click.echo)
    if found.seconds > LONGEST or found.peak > MOST:
        raise click.ClickException(f"the limits are {LONGEST:.0f} s and {MOST / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
