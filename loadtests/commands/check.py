"""`warren check`: is this stack.yml one that can work, and what does it come to on this machine?"""

import os
from pathlib import Path

import click
import yaml

from app.contract import Contract, ContractError, load_contract
from app.units import format_duration


@click.command()
@click.option("--stack", type=click.Path(path_type=Path), envvar="STACK_FILE", default="stack.yml", show_default=True)
@click.option("--cores", type=click.IntRange(1), help="Count processes for a machine of this many cores.")
def check(stack: Path, cores: int | None) -> None:
    """Judge stack.yml: print what it comes to, or every complaint with its line (exit code 2)."""
    try:
        contract = load_contract(stack)
    except ContractError as error:
        click.echo(str(error), err=True)
        click.echo(f"{len(error.complaints)} complaint(s); nothing was changed.", err=True)
        raise SystemExit(2) from error
    click.echo(yaml.safe_dump(contract.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True))
    click.echo(_derived(contract, cores or os.cpu_count() or 1))


def _derived(contract: Contract, cores: int) -> str:
    """What follows from the file, as YAML comments, so that the whole output can be saved as a stack.yml."""
    lines = [f"# On a machine of {cores} core(s):"]
    for name, pool in contract.pools.items():
        processes = pool.process_count(cores)
        limit = "stopped after" if pool.hard_limit else "trusted to end within"
        lines.append(
            f"#   {name}: {processes} × {pool.kind}, {processes * pool.concurrency} task(s) at once, "
            f"{processes * pool.prefetch} message(s) in hand, a task is {limit} {format_duration(pool.longest)}"
        )
    lines.append(
        f"#   front end: {contract.web.processes} × {contract.web.threads} threads, "
        f"{contract.web.processes * contract.web.waiters} requests may wait for a result"
    )
    return "\n".join(lines)
