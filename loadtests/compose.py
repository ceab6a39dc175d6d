"""Makes what compose.yaml mounts, into .warren/compose: passwords, and the broker's configuration out of stack.yml.

Passwords that are there stay; remove the folder (and the volumes: docker compose down --volumes) to have new ones.
"""

import json
import secrets
import sys
from pathlib import Path

from app.broker import rights, topology
from app.broker.definitions import ADMIN, definitions
from app.contract import ContractError, load_contract

VERSION = (4, 1)  # of the broker in compose.yaml
CONF = """load_definitions = /run/secrets/definitions
log.console = true
log.file = false
vm_memory_high_watermark.relative = 0.4
"""
RESULTS = 'requirepass {}\ndir /tmp\nsave ""\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\nbind * -::*\n'


def main() -> int:
    try:
        contract = load_contract("stack.yml")
    except ContractError as error:
        print(error, file=sys.stderr)
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
        "definitions.json": json.dumps(definitions(contract, VERSION, logins, b"warr"), indent=1),
        "token": passwords["token"],
        "flower-login": f"flower:{passwords['flower']}",
        "results-conf": RESULTS.format(passwords["results"]),
        "results-url": f"redis://:{passwords['results']}@results:6379/0",
        **{f"{role}-url": f"amqp://{role}:{passwords[role]}@broker:5672/{vhost}" for role in logins if role != ADMIN},
    }
    for name, text in files.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(text)
        (folder / name).chmod(0o444 if name != known.name else 0o600)
    print(f"compose: made {folder}; the management UI's user is {ADMIN}, its password is in {known}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
