"""Service bindings as users: all rights inside one vhost, none elsewhere, and none in the management API.

RabbitMQ keeps a password's hash only, yet a platform may ask again for what it was given. So passwords are not
random but follow from a key that this process has: the same binding has the same password, and none has to be kept.
"""

import base64
import binascii
import hashlib
import hmac
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.broker.definitions import password_hash
from app.broker.url import BrokerAddress
from app.marketplace.instances import MARK, NameTaken
from app.marketplace.management import Management

log = logging.getLogger(__name__)

_SHA256 = "rabbit_password_hashing_sha256"
_EVERYTHING = {"configure": ".*", "write": ".*", "read": ".*"}


class DifferentBinding(Exception):
    """The binding is there, but not as asked for; the text says what is different."""


class Bindings:
    """The users of the marketplace. `keys`: the first makes passwords, the others are still known."""

    def __init__(
        self, management: Management, address: BrokerAddress, keys: Sequence[bytes], ca: str | None = None
    ) -> None:
        self._management, self._address, self._keys, self._ca = management, address, keys, ca

    def find(self, instance: str, binding: str) -> dict[str, Any] | None:
        """The credentials; None when there is no such binding, or only half of one. Raises DifferentBinding."""
        user = self._user(binding)
        vhosts = self._vhosts(binding) if user else []
        if user is None or not vhosts:
            return None
        if vhosts != [instance]:
            raise DifferentBinding(f"there is a binding {binding} already, of another service instance")
        for password in self._passwords(instance, binding):
            if _is_hash_of(user, password):
                return self._credentials(instance, binding, password)
        raise DifferentBinding(
            f"the password of the binding {binding} was made with a key that is no longer in "
            "WARREN_MARKETPLACE_KEY_FILE; unbind, and bind anew"
        )

    def make(self, instance: str, binding: str) -> dict[str, Any]:
        """The credentials of a new user. When it fails half-way no user is left. Raises NameTaken."""
        if self._user(binding) is None and self._management.get("users", binding):
            raise NameTaken(f"RabbitMQ has a user {binding} that this marketplace did not make")
        password = self._passwords(instance, binding)[0]
        try:
            self._management.put(
                "users", binding, password_hash=password_hash(password), hashing_algorithm=_SHA256, tags=MARK
            )
            self._management.put("permissions", instance, binding, **_EVERYTHING)
        except Exception:
            self._give_up(binding)
            raise
        return self._credentials(instance, binding, password)

    def delete(self, instance: str, binding: str) -> bool:
        """The user, whose connections RabbitMQ then closes. False when this instance has no such binding."""
        if self._user(binding) is None or self._vhosts(binding) not in ([], [instance]):
            return False
        return self._management.delete("users", binding)

    def _user(self, binding: str) -> dict[str, Any] | None:
        user = self._management.get("users", binding)
        return user if user and MARK in user["tags"] else None

    def _vhosts(self, binding: str) -> list[str]:
        return [each["vhost"] for each in self._management.get("users", binding, "permissions") or []]

    def _give_up(self, binding: str) -> None:
        try:
            self._management.delete("users", binding)
        except Exception:  # what went wrong before is what counts; the platform will ask to unbind
            log.warning("the half-made user %s could not be deleted; unbinding deletes it", binding)

    def _passwords(self, instance: str, binding: str) -> list[str]:
        made = [hmac.digest(key, f"{instance}/{binding}".encode(), hashlib.sha256) for key in self._keys]
        return [base64.urlsafe_b64encode(digest).rstrip(b"=").decode() for digest in made]

    def _credentials(self, instance: str, binding: str, password: str) -> dict[str, Any]:
        whole = replace(self._address, user=binding, password=password, vhost=instance)
        uris = [replace(whole, hosts=(host,)).url for host in whole.hosts]
        found: dict[str, Any] = {"uri": uris[0], "uris": uris}
        found |= {"hostname": whole.hosts[0][0], "hostnames": [host for host, _ in whole.hosts]}
        found |= {"port": whole.hosts[0][1], "username": binding, "password": password, "vhost": instance}
        found |= {"ssl": whole.tls} | ({"cacrt": self._ca} if self._ca else {})
        return found


def _is_hash_of(user: dict[str, Any], password: str) -> bool:
    try:
        salt = base64.b64decode(user["password_hash"])[:4]
    except (KeyError, binascii.Error):
        return False
    return hmac.compare_digest(user["password_hash"], password_hash(password, salt))
