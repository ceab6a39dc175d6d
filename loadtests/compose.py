"""Makes what compose.yaml mounts, into .warren/compose: passwords, and the broker's configuration out of stack.yml.

compose.yaml has a service for each pool of stack.yml: where the two do not fit, nothing is made.
Passwords that are there stay; remove the folder (and the volumes: docker compose down --volumes) to have new ones.
"""

import json
import re
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from app.broker import rights, topology
from app.broker.definitions import ADMIN, definitions
from app.contract import Contract, ContractError, load_contract
from app.results import EVICTION
from app.units import format_duration, parse_duration

CONF = """load_definitions = /run/secrets/definitions
log.console = true
log.file = false
vm_memory_high_watermark.relative = 0.4
"""
RESULTS = 'requirepass {}\ndir /tmp\nsave ""\nmaxmemory 256mb\nmaxmemory-policy {}\nbind * -::*\n'


def main() -> int:
    try:
        contract = load_contract("stack.yml")
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    services = yaml.safe_load(Path("compose.yaml").read_text())["services"]
    wrong = list(complaints(contract, services))
    if wrong:
        print("\n".join(f"compose.yaml: {each}" for each in wrong), file=sys.stderr)
        return 2
    folder = Path(".warren/compose")
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # the files in it are read by the containers' own users
    known = folder / "passwords.json"
    passwords = json.loads(known.read_text()) if known.exists() else {}
    for name in (ADMIN, *rights.permissions(contract), "token", "flower", "results"):
        passwords.setdefault(name, secrets.token_urlsafe(24))
    logins = {role: (role, passwords[role]) for role in (ADMIN, *rights.permissions(contract))}
    vhost = contract.broker.vhost
    files = {
        "passwords.json": json.dumps(passwords, indent=1),
        "rabbitmq.conf": CONF + topology.rabbitmq_conf(contract),
        "enabled_plugins": "[rabbitmq_management,rabbitmq_prometheus].\n",
        "definitions.json": json.dumps(definitions(contract, broker_version(services), logins, b"warr"), indent=1),
        "token": passwords["token"],
        "flower-login": f"flower:{passwords['flower']}",
        "results-conf": RESULTS.format(passwords["results"], EVICTION),
        "results-url": f"redis://:{passwords['results']}@results:6379/0",
        **{f"{role}-url": f"amqp://{role}:{passwords[role]}@broker:5672/{vhost}" for role in logins if role != ADMIN},
    }
    for name, text in files.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o444 if name != known.name else 0o600)
    print(f"compose: made {folder}; the management UI's user is {ADMIN}, its password is in {known}")
    return 0


def complaints(contract: Contract, services: dict[str, Any]) -> Iterator[str]:
    """What of compose.yaml does not fit stack.yml, and the broker's image where it does not say its version."""
    workers = {service["command"][1]: service for service in services.values() if _is_worker(service)}
    for pool in contract.pools.keys() - workers.keys():
        yield f"no service runs the pool {pool} of stack.yml; add worker-{pool} beside the other workers"
    for pool in workers.keys() - contract.pools.keys():
        yield f"a service runs the pool {pool}, which stack.yml does not have; remove it"
    for pool, service in workers.items():
        grace = service.get("stop_grace_period", "10s")  # Compose's own
        if _seconds(grace) < contract.stop.timeout:
            yield (
                f"the worker of {pool} is killed {grace} after SIGTERM, but stop.timeout of stack.yml is "
                f"{format_duration(contract.stop.timeout)}; raise stop_grace_period"
            )
    if not broker_version(services):
        yield "the tag of the broker's image does not say which RabbitMQ it is; begin it with the version: rabbitmq:4.1"


def broker_version(services: dict[str, Any]) -> tuple[int, ...]:
    """Such as (4, 1, 4), by the tag of the broker's image; empty when it does not say."""
    found = re.search(r":(\d+(?:\.\d+)+)[^:]*$", services["broker"]["image"])
    return tuple(map(int, found[1].split("."))) if found else ()


def _is_worker(service: dict[str, Any]) -> bool:
    return service.get("command", [""])[0] == "worker"


def _seconds(period: str) -> float:
    """Compose writes 1m30s."""
    return sum(map(parse_duration, re.findall(r"[\d.]+[a-z]+", period)))


if __name__ == "__main__":
    sys.exit(main())
