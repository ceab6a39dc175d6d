"""Who we are to a foundation: the Authorization header that goes with each request, and its renewal."""

import base64
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from loadtests.cloudfoundry.client.errors import ApiError, LoginError

# Seconds before its end at which a token is not used any more: clocks differ, and requests take their time.
MARGIN = 30
# What UAA knows the cf command line by; it has no secret.
CF_CLI = "cf"

# Grant's fields and the client's login → UAA's answer. The transport has it: UAA is reached as the API is.
AskUaa = Callable[[dict[str, str], tuple[str, str]], dict[str, Any]]


class Auth:
    """A login."""

    def header(self) -> str:
        """What goes with a request, as `Authorization`."""
        raise NotImplementedError

    def renew(self, refused: str) -> bool:
        """After that header was refused: whether there is another now. Raises LoginError when it cannot be had."""
        return False

    def connect(self, ask: AskUaa) -> None:
        """Where tokens come from; for those that need one."""


class BearerToken(Auth):
    """A token as it is, until it has expired: `cf oauth-token` prints one."""

    def __init__(self, token: str) -> None:
        self._header = f"Bearer {token.strip().split(' ')[-1]}"

    def header(self) -> str:
        return self._header


class ClientCertificate(Auth):
    """Korifi's own way: certificate and key, both PEM, go with each request. Only ever over TLS."""

    def __init__(self, certificate: bytes, key: bytes) -> None:
        self._header = "ClientCert " + base64.b64encode(certificate.rstrip(b"\n") + b"\n" + key).decode()

    @classmethod
    def of_files(cls, certificate: Path, key: Path) -> "ClientCertificate":
        try:
            return cls(certificate.read_bytes(), key.read_bytes())
        except OSError as error:
            raise LoginError(
                f"{error.filename}: {error.strerror}; name the files of your client certificate"
            ) from error

    def header(self) -> str:
        return self._header


class Uaa(Auth):
    """Tokens of the foundation's UAA, a new one before each has expired."""

    def __init__(self, client: str, secret: str, access_token: str = "") -> None:
        self._login = (client, secret)
        self._ask: AskUaa | None = None
        self._lock = threading.Lock()
        self._token = access_token.split(" ")[-1]
        self._until = _expiry(self._token)

    def connect(self, ask: AskUaa) -> None:
        self._ask = ask

    def header(self) -> str:
        with self._lock:
            if not self._token or time.time() > self._until - MARGIN:
                self._fetch()
            return f"Bearer {self._token}"

    def renew(self, refused: str) -> bool:
        with self._lock:
            if refused == f"Bearer {self._token}":  # or another thread has done it
                self._fetch()
        return True

    def _grant(self) -> dict[str, str]:
        raise NotImplementedError

    def _taken(self, answer: dict[str, Any]) -> None:
        pass

    def _fetch(self) -> None:
        assert self._ask, "an Auth belongs to a Transport"
        try:
            said = self._ask(self._grant(), self._login)
            self._token = said["access_token"]
        except (ApiError, KeyError) as error:
            raise LoginError(f"the foundation gave no token: {error}\n{self.cure}") from error
        self._until = time.time() + said["expires_in"] if "expires_in" in said else _expiry(self._token)
        self._taken(said)

    cure = "Log in again: cf login."


class RefreshToken(Uaa):
    """Of a user who has logged in. When UAA hands out another refresh token, that is used from then on."""

    def __init__(self, refresh_token: str, client: str = CF_CLI, secret: str = "", access_token: str = "") -> None:
        super().__init__(client, secret, access_token)
        self._refresh = refresh_token

    def _grant(self) -> dict[str, str]:
        return {"grant_type": "refresh_token", "refresh_token": self._refresh}

    def _taken(self, answer: dict[str, Any]) -> None:
        self._refresh = answer.get("refresh_token") or self._refresh


class ClientCredentials(Uaa):
    """Of a program, as pipelines have them."""

    cure = "Check the client's id and secret (CF_CLIENT_ID, CF_CLIENT_SECRET), or have the operator make one in UAA."

    def _grant(self) -> dict[str, str]:
        return {"grant_type": "client_credentials"}


def _expiry(token: str) -> float:
    """Seconds since the epoch at which a token ends, as far as it says so; we need not judge its signature."""
    try:
        payload = token.split(".")[1]
        return float(json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return float("inf")
