"""RabbitMQ's definitions file: the vhost, a user for each role with its rights, the policies, all from stack.yml.

Its format: https://www.rabbitmq.com/docs/definitions
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from app.broker import rights, topology
from app.contract import Contract

ADMIN = "admin"
_EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}
_TAGS = {ADMIN: "administrator", "monitor": "monitoring"}


def definitions(
    contract: Contract, version: tuple[int, ...], logins: Mapping[str, tuple[str, str]], salt: bytes | None = None
) -> dict[str, Any]:
    """For a broker of that version. `logins`: role (admin, or one of `rights`) → user name and password.

    `salt`, 4 bytes: for who needs the same text each time; without it each hash has one of its own.
    """
    vhost = contract.broker.vhost
    permissions = {ADMIN: _EVERYTHING} | rights.permissions(contract)
    return {
        "rabbitmq_version": ".".join(str(part) for part in version),
        "users": [
            {
                "name": user,
                "password_hash": password_hash(password, salt),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": _TAGS.get(role, ""),
            }
            for role, (user, password) in logins.items()
        ],
        "vhosts": [{"name": vhost}],
        "permissions": [{"user": user, "vhost": vhost} | permissions[role] for role, (user, _) in logins.items()],
        "policies": [{"vhost": vhost} | policy for policy in topology.policies(contract, version)],
    }


def password_hash(password: str, salt: bytes | None = None) -> str:
    """Salted SHA-256 as RabbitMQ stores it: https://www.rabbitmq.com/docs/passwords#computing-password-hash"""
    salt = salt or secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()
