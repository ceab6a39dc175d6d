"""The best safe settings for stack.yml: shown as a diff, and written when that is asked for."""

from pathlib import Path

import click

from app.contract import ContractError, parse_contract
from loadtests import stack_file as files
from loadtests.stack_file import CannotChange
from loadtests.tune.candidate import stack_text
from loadtests.tune.document import Tune, Walk

OK, BAD_INPUT = 0, 2


def stack_file(source: Path, found: Tune, write: bool) -> int:
    """Show it, and with `write` write it; the exit code. Of several tasks in one pool, the first decides."""
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
    if not write:
        click.echo(f"not written; --from {found.run} --write changes {source}")
        return OK
    files.write(source, after)
    click.echo(f"written: {source}")
    return OK
