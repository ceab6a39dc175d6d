"""What `warren plan` does, from its options to an exit code."""

from pathlib import Path
from typing import Any

import click

from app.contract import ContractError
from loadtests import stack_file
from loadtests.analysis import manifest
from loadtests.capacity import document, show
from loadtests.capacity.document import BadCapacity
from loadtests.capacity.plan import BadPlan, plan, with_processes
from loadtests.exits import BAD_INPUT, FAILED, OK
from loadtests.stack_file import CannotChange


def run(options: dict[str, Any]) -> int:
    """Run it; the exit code."""
    try:
        path = options["source"] or document.newest(options["results"])
        capacity = document.read(path)
        here = manifest.machines({"host": manifest.host()})
        notes = document.same_machine(capacity, here, path, options["other_machine"])
    except BadCapacity as error:
        click.echo(f"Error: {error}", err=True)
        return BAD_INPUT
    try:
        found = plan(capacity, options["rate"], options["objectives"])
    except BadPlan as error:
        click.echo(f"no plan: {error}", err=True)
        return FAILED
    click.echo(f"from {path}")
    for line in (*show.plan(found), *(f"note: {note}" for note in notes)):
        click.echo(line)
    return _stack_file(options["stack"], found.pool, found.workers, options["write"])


def _stack_file(source: Path, pool: str, workers: int, write: bool) -> int:
    try:
        before = source.read_text(encoding="utf-8")
        after = with_processes(before, source, pool, workers)
    except (OSError, BadPlan, ContractError) as error:
        click.echo(f"Error: {error}", err=True)
        return BAD_INPUT
    if before == after:
        click.echo(f"{source} has that count already")
        return OK
    click.echo(stack_file.difference(before, after, source, "planned"))
    if not write:
        click.echo(f"not written; --write changes {source}")
        return OK
    try:
        stack_file.write(source, after)
    except CannotChange as error:
        click.echo(f"Error: {error}", err=True)
        return BAD_INPUT
    click.echo(f"written: {source}. `processes` counts those of one machine: on several hosts, divide it among them")
    return OK
