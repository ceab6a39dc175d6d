"""stack.yml with the stack's configuration laid over it, judged before anything is deployed."""

from dataclasses import dataclass
from pathlib import Path

from components.settings import ConfigError, Settings

from app.contract import Contract, ContractError, load_overlaid
from app.contract_rules import MOST_IN_HAND

# From here on RabbitMQ adds members to queues by itself.
SELF_MENDING = (3, 13)


@dataclass(frozen=True)
class Judged:
    """The contract, and its text as every pod reads it."""

    contract: Contract
    text: str


def load(settings: Settings, folder: Path) -> Judged:
    """Read, merge and judge. Raises ConfigError with every complaint."""
    try:
        contract, text = load_overlaid(folder / settings.stack_file, settings.contract)
    except ContractError as error:
        name = f"{settings.stack_file}{' with warren:contract over it' if settings.contract else ''}"
        # Lines are those of the merged text, which nobody has seen.
        raise ConfigError("\n".join(f"{name}: {c.where}: {c.message}" for c in error.complaints)) from error
    complaints = [*_pools(settings, contract), *_broker(settings, contract)]
    if complaints:
        raise ConfigError("\n".join(complaints))
    return Judged(contract, text)


def _pools(settings: Settings, contract: Contract) -> list[str]:
    have = ", ".join(contract.pools)
    unknown = settings.workers.keys() - contract.pools.keys()
    found = [f"warren:workers.{name}: stack.yml has no such pool; it has {have}" for name in sorted(unknown)]
    names: dict[str, str] = {}
    found += [
        f"the pools {other!r} and {pool!r} would have pods of the same name; rename one in stack.yml"
        for pool in contract.pools
        if (other := names.setdefault(pool.replace("_", "-"), pool)) != pool
    ]
    for name, worker in settings.workers.items():
        if (known := contract.pools.get(name)) is None:
            continue
        most = worker.replicas if worker.scaling.kind == "fixed" else worker.scaling.max
        if most * known.prefetch > MOST_IN_HAND:
            found.append(
                f"warren:workers.{name}: {most} pods × prefetch {known.prefetch} = {most * known.prefetch} messages in "
                f"hand, over {MOST_IN_HAND}: they burden the broker and hide the backlog from the scaler; lower one"
            )
        if worker.scaling.messages and worker.scaling.messages < known.prefetch:
            found.append(
                f"warren:workers.{name}.scaling.messages: {worker.scaling.messages} is less than the pool's prefetch "
                f"({known.prefetch}): one pod would hold what several were started for; raise it or lower prefetch"
            )
    return found


def _broker(settings: Settings, contract: Contract) -> list[str]:
    broker, nodes, found = settings.broker, contract.broker.nodes, []
    if broker.kind == "external" or nodes == 1:
        return []
    if nodes % 2 == 0:
        found.append(
            f"warren:contract.broker.nodes: {nodes} is even; a cluster of that size survives no more failures than one "
            f"of {nodes - 1}: use an odd number"
        )
    if broker.rabbitmq_version < SELF_MENDING:
        found.append(
            f"warren:broker.image: RabbitMQ {'.'.join(map(str, broker.rabbitmq_version))} does not give queues members "
            "that they lack, so those declared while a cluster starts would have one; use 3.13 or newer, or one node"
        )
    return found
