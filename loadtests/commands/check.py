"""`warren check`: is this stack.yml one that can work, and what does it come to on this machine?"""

import json
import os
from pathlib import Path
from typing import Any

import click
import yaml

from app.broker import rights, topology
from app.contract import Contract, ContractError, load_contract
from app.units import format_duration
from loadtests.commands import options as shared
from loadtests.exits import BAD_INPUT


@click.command()
@shared.stack
@click.option("--cores", type=click.IntRange(1), help="Count processes for a machine of this many cores.")
@click.option("--json", "as_json", is_flag=True, help="For programs: durations in seconds, sizes in bytes.")
@click.option("--broker-version", default="4.0", show_default=True, help="With --json: the policies for this RabbitMQ.")
def check(stack: Path, cores: int | None, as_json: bool, broker_version: str) -> None:
    """Judge stack.yml: print what it comes to, or every complaint with its line (exit code 2)."""
    try:
        contract = load_contract(stack)
    except ContractError as error:
        click.echo(str(error), err=True)
        click.echo(f"{len(error.complaints)} complaint(s); nothing was changed.", err=True)
        raise SystemExit(BAD_INPUT) from error
    if as_json:
        click.echo(json.dumps(for_programs(contract, _version(broker_version)), indent=2))
        return
    click.echo(yaml.safe_dump(contract.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True))
    click.echo(_derived(contract, cores or os.cpu_count() or 1))


def _version(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(".")[:3])
    except ValueError:
        raise click.BadParameter(f"{text!r} is no version; write 4.0.5", param_hint="--broker-version") from None


def for_programs(contract: Contract, broker_version: tuple[int, ...] = (4, 0)) -> dict[str, Any]:
    """What deployments that cannot import `app` need: the contract in plain units, what its pools' children need, and
    the broker's settings."""
    plain = contract.model_dump(mode="python")
    for name, pool in contract.pools.items():
        plain["pools"][name]["children_memory"] = pool.children_memory
    return {
        "contract": plain,
        "rabbitmq": {
            "conf": topology.rabbitmq_conf(contract),
            "advanced": topology.advanced_config(contract),
            "permissions": rights.permissions(contract),
            "policies": topology.policies(contract, broker_version),
        },
    }


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
