"""The login of the cf command line, read from its own file: who did `cf login` needs nothing else.

That file is never written. Where a foundation hands out a new refresh token with each use, `cf` has to log in again
after us; few do.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from loadtests.cloudfoundry.client.auth import (
    CF_CLI,
    Auth,
    BearerToken,
    ClientCertificate,
    ClientCredentials,
    RefreshToken,
)
from loadtests.cloudfoundry.client.errors import LoginError


@dataclass(frozen=True)
class CfCli:
    """`organization` and `space` are names; empty when nothing is targeted."""

    api: str
    auth: Auth
    verify: bool
    organization: str = ""
    space: str = ""


def read(environ: Mapping[str, str] = os.environ) -> CfCli:
    """From $CF_HOME/.cf/config.json or ~/.cf/config.json. Raises LoginError."""
    path = Path(environ.get("CF_HOME") or Path.home()) / ".cf/config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(config, dict):
            raise ValueError("no object")
    except FileNotFoundError:
        raise LoginError(f"there is no {path}; log in: cf login -a https://api.example.org") from None
    except (OSError, ValueError) as error:
        raise LoginError(f"{path} cannot be read ({error}); log in again: cf login") from error
    if not config.get("Target"):
        raise LoginError(f"{path} names no foundation; log in: cf login -a https://api.example.org")
    return CfCli(
        api=config["Target"],
        auth=_auth(config, environ, path),
        verify=not config.get("SSLDisabled"),
        organization=(config.get("OrganizationFields") or {}).get("Name") or "",
        space=(config.get("SpaceFields") or {}).get("Name") or "",
    )


def _auth(config: dict[str, Any], environ: Mapping[str, str], path: Path) -> Auth:
    korifi = config.get("CFOnK8s") or {}
    if korifi.get("Enabled"):
        return _kubernetes_user(korifi.get("AuthInfo") or "", environ)
    client, secret = config.get("UAAOAuthClient") or CF_CLI, config.get("UAAOAuthClientSecret") or ""
    access = config.get("AccessToken") or ""
    if config.get("UAAGrantType") == "client_credentials" and secret:
        return ClientCredentials(client, secret, access)
    if config.get("RefreshToken"):
        return RefreshToken(config["RefreshToken"], client, secret, access)
    if access:
        return BearerToken(access)
    raise LoginError(f"{path} holds no login; log in: cf login")


def _kubernetes_user(name: str, environ: Mapping[str, str]) -> Auth:
    """On Korifi users are Kubernetes' own: `cf login` notes which one of the kubeconfig."""
    files = [Path(each) for each in environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    for path in files or [Path.home() / ".kube/config"]:
        try:
            users = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("users") or []
        except (OSError, yaml.YAMLError, AttributeError) as error:
            raise LoginError(f"{path} cannot be read ({error}); name your kubeconfig in KUBECONFIG") from error
        for user in (each.get("user") or {} for each in users if each.get("name") == name):
            if user.get("token"):
                return BearerToken(user["token"])
            if user.get("client-certificate-data") and user.get("client-key-data"):
                pems = (base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key"))
                return ClientCertificate(*pems)
            if user.get("client-certificate") and user.get("client-key"):
                pair = (path.parent / user[f"client-{part}"] for part in ("certificate", "key"))
                return ClientCertificate.of_files(*pair)
            raise LoginError(
                f"the user {name!r} of {path} has neither a token nor a certificate in it; give a token: CF_TOKEN"
            )
    raise LoginError(f"cf is logged in as {name!r}, of whom no kubeconfig knows; log in again: cf login")
