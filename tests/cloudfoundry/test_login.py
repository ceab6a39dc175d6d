"""As whom: tokens and their renewal, certificates, and the login of the cf command line."""

import base64
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from loadtests.cloudfoundry.client import Client, connect
from loadtests.cloudfoundry.client.auth import BearerToken, ClientCertificate, ClientCredentials, RefreshToken
from loadtests.cloudfoundry.client.errors import LoginError
from tests.cloudfoundry.conftest import QUICK
from tests.cloudfoundry.fake.api_uaa import CLIENT, REFRESH, SECRET
from tests.cloudfoundry.fake.server import Server

Start, Of = Callable[..., Server], Callable[..., Client]
KEY = b"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n"
CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


def _cf_home(tmp_path: Path, **config: Any) -> dict[str, str]:
    (tmp_path / ".cf").mkdir()
    (tmp_path / ".cf/config.json").write_text(json.dumps(config))
    return {"CF_HOME": str(tmp_path)}


def _logged_in(server: Server, **more: Any) -> dict[str, Any]:
    return {
        "Target": server.foundation.url,
        "AccessToken": "bearer old",
        "RefreshToken": REFRESH,
        "UAAOAuthClient": "cf",
        "UAAOAuthClientSecret": "",
        "SSLDisabled": False,
        "OrganizationFields": {"GUID": "1", "Name": "org"},
        "SpaceFields": {"GUID": "2", "Name": "dev"},
        **more,
    }


def test_a_token_serves_until_shortly_before_its_end(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    for _ in range(3):
        cf.spaces.organization("org")
    assert server.uaa.issued == 1
    server.uaa.lasts = 5
    other = client(server)
    for _ in range(3):
        other.spaces.organization("org")
    assert server.uaa.issued == 1 + 3


def test_a_token_that_is_refused_early_is_renewed_and_the_request_done_once(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    space = cf.here.guid
    server.uaa.expire()
    cf.apps.create(space, "shop")
    assert server.times("POST", "/v3/apps") == 2 and server.uaa.issued == 2
    assert [each.name for each in cf.apps.every(space)] == ["shop"]


def test_a_foundation_that_changes_refresh_tokens(foundation: Start, client: Of) -> None:
    server = foundation()
    server.uaa.rotates = True
    cf = client(server)
    for _ in range(3):
        server.uaa.expire()
        cf.spaces.organization("org")
    assert server.uaa.issued == 3


def test_a_login_that_has_expired_says_what_to_do(foundation: Start, client: Of) -> None:
    server = foundation()
    with pytest.raises(LoginError, match=r"expired, was revoked.*\n.*\n?.*cf login"):
        client(server, RefreshToken("another")).spaces.organization("org")
    with pytest.raises(LoginError, match=r"Invalid Auth Token \(CF-InvalidAuthToken 1000\)\nLog in again: cf login"):
        client(server, BearerToken("bearer old")).spaces.organization("org")


def test_uaa_that_stumbles_is_asked_again(foundation: Start, client: Of) -> None:
    server = foundation()
    server.trouble("POST", "/oauth/token", times=2)
    assert client(server).spaces.organization("org").name == "org"
    assert server.times("POST", "/oauth/token") == 3


def test_a_program_logs_in_with_its_own_name(foundation: Start, client: Of) -> None:
    server = foundation()
    assert client(server, ClientCredentials(CLIENT, SECRET)).spaces.organization("org").name == "org"
    with pytest.raises(LoginError, match="CF_CLIENT_SECRET"):
        client(server, ClientCredentials(CLIENT, "wrong")).spaces.organization("org")


def test_a_certificate_is_the_login_on_korifi(foundation: Start, client: Of) -> None:
    server = foundation(kind="korifi")
    server.uaa.certificates = True
    assert client(server, ClientCertificate(CERTIFICATE, KEY)).spaces.organization("org").name == "org"
    assert server.times("POST", "/oauth/token") == 0


def test_a_token_does_not_go_to_another_host_by_netrc(
    foundation: Start, client: Of, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """requests would put what ~/.netrc has for a host in the token's place."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server = foundation()
    assert client(server).spaces.organization("org").name == "org"
    assert server.times("GET", "/v3/organizations") == 1


def test_who_did_cf_login_needs_nothing_else(foundation: Start, tmp_path: Path) -> None:
    server = foundation()
    environ = _cf_home(tmp_path, **_logged_in(server))
    before = (tmp_path / ".cf/config.json").read_bytes()
    cf = connect(environ, patience=QUICK)
    assert cf.here.name == "dev"
    assert (tmp_path / ".cf/config.json").read_bytes() == before
    assert connect(environ | {"CF_SPACE": "prod"}).space == "prod"


def _token(until: float) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": until}).encode()).decode().rstrip("=")
    return f"bearer head.{payload}.signature"


def test_the_token_of_cf_serves_until_its_own_end(foundation: Start, tmp_path: Path) -> None:
    server = foundation()
    config = _logged_in(server, AccessToken=_token(time.time() + 600))
    server.uaa.good.add(config["AccessToken"].partition(" ")[2])
    environ = _cf_home(tmp_path, **config)
    assert connect(environ, patience=QUICK).here.name == "dev"
    assert server.uaa.issued == 0
    (tmp_path / ".cf/config.json").write_text(json.dumps(config | {"AccessToken": _token(time.time() - 5)}))
    server.asked.clear()
    assert connect(environ, patience=QUICK).here.name == "dev"
    # Renewed before it was ever shown: no request was refused.
    assert server.uaa.issued == 1 and server.times("GET", "/v3/organizations") == 1


def test_cf_logged_in_as_a_program(foundation: Start, tmp_path: Path) -> None:
    server = foundation()
    login = {"UAAGrantType": "client_credentials", "UAAOAuthClient": CLIENT, "UAAOAuthClientSecret": SECRET}
    environ = _cf_home(tmp_path, **_logged_in(server, RefreshToken="", **login))
    assert connect(environ, patience=QUICK).here.name == "dev"


@pytest.mark.parametrize("as_files", [True, False])
def test_cf_logged_in_on_korifi(foundation: Start, tmp_path: Path, as_files: bool) -> None:
    server = foundation(kind="korifi")
    server.uaa.certificates = True
    user = {f"client-{part}-data": base64.b64encode(pem).decode() for part, pem in _pair().items()}
    if as_files:
        for part, pem in _pair().items():
            (tmp_path / f"{part}.pem").write_bytes(pem)
        user = {f"client-{part}": f"{part}.pem" for part in _pair()}
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump({"users": [{"name": "cf-dev", "user": user}]}))
    config = _logged_in(server, AccessToken="", RefreshToken="", CFOnK8s={"Enabled": True, "AuthInfo": "cf-dev"})
    environ = _cf_home(tmp_path, **config) | {"KUBECONFIG": str(tmp_path / "kubeconfig")}
    assert connect(environ, patience=QUICK).here.name == "dev"


def _pair() -> dict[str, bytes]:
    return {"certificate": CERTIFICATE, "key": KEY}


def test_who_never_logged_in_is_told_how(tmp_path: Path) -> None:
    with pytest.raises(LoginError, match=r"there is no .*config.json; log in: cf login -a https://"):
        connect({"CF_HOME": str(tmp_path)})
    environ = _cf_home(tmp_path, Target="https://api.example.org", AccessToken="", RefreshToken="")
    with pytest.raises(LoginError, match="holds no login; log in: cf login"):
        connect(environ)
    (tmp_path / ".cf/config.json").write_text("{")
    with pytest.raises(LoginError, match="cannot be read"):
        connect(environ)


def test_logins_by_the_environment(foundation: Start, tmp_path: Path) -> None:
    server = foundation()
    server.uaa.good.add("given")
    there = {"CF_API": server.foundation.url, "CF_ORG": "org", "CF_SPACE": "dev"}
    for login in ({"CF_TOKEN": "bearer given"}, {"CF_CLIENT_ID": CLIENT, "CF_CLIENT_SECRET": SECRET},
                  {"CF_REFRESH_TOKEN": REFRESH}):  # fmt: skip
        assert connect(there | login, patience=QUICK).here.name == "dev"
    with pytest.raises(LoginError, match="CF_TOKEN, CF_CLIENT_ID"):
        connect(there)
    with pytest.raises(LoginError, match="there is no file"):
        connect(there | {"CF_TOKEN": "t", "CF_CA_FILE": str(tmp_path / "none.pem")})
    with pytest.raises(LoginError, match=r"cf target -o ORG -s SPACE"):
        connect({"CF_API": server.foundation.url, "CF_TOKEN": "given"}).here  # noqa: B018
