"""What it takes to analyse a long run: `python -m benchmarks.million_records`.

A run of a million tasks is made first, in the generator's own part files. Then `warren report` joins and analyses it and
draws its page, in a process of its own of which time and peak memory are printed; and so is the memory that a generator
needs to follow as many records.
"""

import sys
import tempfile
from pathlib import Path

import click

from loadtests.analysis import result
from loadtests.report.page import FILE
from tests.peak import taken

LONGEST, MOST = 60.0, 2**30  # seconds, bytes


@click.command()
@click.option("--tasks", type=click.IntRange(1000), default=1_000_000, show_default=True)
def main(tasks: int) -> None:
    """Exit code 1: it took longer, or more memory, than a long run may."""
    with tempfile.TemporaryDirectory(prefix="warren-") as folder:
        run = Path(folder) / "run"
        made = taken([sys.executable, "-m", "tests.large_run", str(run), str(tasks)])
        if made.code:
            raise click.ClickException(made.said)
        size = sum(path.stat().st_size for path in run.rglob("*.ndjson"))
        click.echo(f"made {tasks:,} tasks: {size / 1e6:,.0f} MB of part files, {made.seconds:.0f} s")
        report = taken([str(Path(sys.executable).with_name("warren")), "report", str(run)])
        if not (run / FILE).exists():
            raise click.ClickException(report.said)
        book = result.read(run).ledger
        click.echo(f"ledger: sent {book.sent:,}, finished {book.finished:,}, missing {book.missing:,}")
        click.echo(f"warren report: {report.seconds:.1f} s, at most {report.peak / 2**20:,.0f} MiB")
        follow = taken([sys.executable, "-m", "tests.followed", str(run)])
        click.echo(f"following: {follow.said.strip()}")
    if report.seconds > LONGEST or report.peak > MOST:
        raise click.ClickException(f"the limits are {LONGEST:.0f} s and {MOST / 2**20:,.0f} MiB")


if __name__ == "__main__":
    main()
