"""The best safe settings for stack.yml: shown as a diff, and written when that is asked for."""

from pathlib import Path

import click

from app.contract import ContractError, parse_contract
from loadtests import stack_file as files
from loadtests.analysis import manifest
from loadtests.exits import BAD_INPUT, OK
from loadtests.stack_file import CannotChange
from loadtests.tune.candidate import stack_text
from loadtests.tune.document import Tune, Walk


def stack_file(source: Path, found: Tune, results: Path, write: bool, other_machine: bool) -> int:
    """Show it, and with `write` write it; the exit code. Of several tasks in one pool, the first decides."""
    here = manifest.machines({"host": manifest.host()})
    if found.machines[:1] != here[:1]:
        told = f"measured on {', '.join(found.machines) or 'an unknown machine'}; this is {', '.join(here)}"
        if write and not other_machine:
            click.echo(
                f"Error: {told}. Run `warren tune` here, or say --other-machine when that one is meant", err=True
            )
            return BAD_INPUT
        click.echo(f"note: {told}")
    if write and found.unfit:
        click.echo(f"Error: {source} is not written: {found.unfit}", err=True)
        return BAD_INPUT
    pools: dict[str, Walk] = {}
    for walk in found.walks:
        if walk.best and pools.setdefault(walk.pool, walk) is not walk and walk.best != pools[walk.pool].best:
            click.echo(f"note: pool {walk.pool}: {walk.task} would have {walk.best}; one pool has one setting")
    try:
        before = after = source.read_text(encoding="utf-8")
        for walk in pools.values():
            contract = parse_contract(after, source)
            if walk.pool not in contract.pools:
                raise CannotChange(f"{source} has no pool {walk.pool}; --stack names the file that was tuned")
            assert walk.best
            after = stack_text(after, source, contract, walk.pool, walk.best)
    except (OSError, ContractError, CannotChange) as error:
        click.echo(f"Error: {error}", err=True)
        return BAD_INPUT
    for walk in pools.values():
        if walk.best and walk.best.results != walk.present.results:
            click.echo(f"results: {walk.best.results}, by CELERY_BACKEND_URL; that is no part of {source.name}")
    if before == after:
        click.echo(f"{source} stays as it is")
        return OK
    click.echo(files.difference(before, after, source, "tuned"))
    if found.unfit:
        click.echo(f"not to be written: {found.unfit}")
        return OK
    if not write:
        click.echo(f"not written; warren tune --from {results} --write changes {source}")
        return OK
    try:
        files.write(source, after)
    except CannotChange as error:
        click.echo(f"Error: {error}", err=True)
        return BAD_INPUT
    click.echo(f"written: {source}")
    return OK
