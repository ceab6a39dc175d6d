"""The root document, tokens, and the log cache."""

import base64
import time
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, request

from tests.cloudfoundry.fake.state import Foundation

REFRESH, CLIENT, SECRET, CERTIFICATE = "refresh-0", "pipeline", "s3cret", "ClientCert "


@dataclass
class Uaa:
    """`lasts`: seconds of a token. `rotates`: each refresh token serves once."""

    lasts: int = 600
    rotates: bool = False
    refresh: str = REFRESH
    issued: int = 0
    good: set[str] = field(default_factory=set)
    certificates: bool = False

    def accepts(self, header: str) -> bool:
        kind, _, token = header.partition(" ")
        if kind == "ClientCert":
            return self.certificates and b"PRIVATE KEY" in base64.b64decode(token)
        return kind.lower() == "bearer" and token in self.good

    def expire(self) -> None:
        """All tokens that are out are worth nothing from now on."""
        self.good.clear()

    def grant(self, form: Any, login: tuple[str, str]) -> dict[str, Any] | None:
        if form.get("grant_type") == "client_credentials" and login == (CLIENT, SECRET):
            return self._token({})
        if (
            form.get("grant_type") == "refresh_token"
            and form.get("refresh_token") == self.refresh
            and login == ("cf", "")
        ):
            if self.rotates:
                self.refresh = f"refresh-{self.issued + 1}"
            return self._token({"refresh_token": self.refresh})
        return None

    def _token(self, more: dict[str, Any]) -> dict[str, Any]:
        self.issued += 1
        token = f"token-{self.issued}"
        self.good.add(token)
        return {"access_token": token, "token_type": "bearer", "expires_in": self.lasts, **more}


def calls(foundation: Foundation, uaa: Uaa) -> Blueprint:
    part = Blueprint("uaa", __name__)

    @part.get("/")
    def root() -> dict[str, Any]:
        here = {"href": foundation.url}
        v3 = {"href": f"{foundation.url}/v3", "meta": {"version": "3.200.0"}}
        return {"links": {"self": here, "cloud_controller_v3": v3, "login": here, "uaa": here, "log_cache": here}}

    @part.post("/oauth/token")
    def token() -> Any:
        login = request.authorization
        given = uaa.grant(request.form, ((login.username or ""), (login.password or "")) if login else ("", ""))
        if given is None:
            return {"error": "invalid_token", "error_description": "The token expired, was revoked, or is wrong."}, 401
        return given

    @part.get("/api/v1/read/<app>")
    def logs(app: str) -> dict[str, Any]:
        now = time.time_ns()
        batch = [
            {
                "timestamp": str(now + number),
                "source_id": app,
                "instance_id": line["instance"],
                "tags": {"source_type": line["source"]},
                "log": {"payload": base64.b64encode(line["text"].encode()).decode(), "type": "OUT"},
            }
            for number, line in enumerate(foundation.logs)
            if line["app"] == app
        ]
        return {"envelopes": {"batch": list(reversed(batch))}}

    return part
