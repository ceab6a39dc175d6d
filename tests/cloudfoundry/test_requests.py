"""What is repeated and what is not, and what is said when it does not help."""

import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from loadtests.cloudfoundry.client import Client
from loadtests.cloudfoundry.client.auth import BearerToken, RefreshToken
from loadtests.cloudfoundry.client.errors import ApiError, Unreachable
from loadtests.cloudfoundry.client.pages import NotThere
from tests.cloudfoundry.conftest import QUICK
from tests.cloudfoundry.fake.api_uaa import REFRESH
from tests.cloudfoundry.fake.server import Server, serving
from tests.cloudfoundry.fake.state import Foundation

Start, Of = Callable[..., Server], Callable[..., Client]


def test_who_asks_too_often_waits_as_long_as_it_is_told(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    space = cf.here.guid
    server.trouble("POST", "^/v3/apps$", status=429, headers={"Retry-After": "1"})
    cf.apps.create(space, "shop")
    # Nothing was done by the one that was refused, so even what creates something is asked for again.
    assert server.times("POST", "/v3/apps") == 2
    assert len(cf.apps.every(space)) == 1
    assert [each for each in cf.said if "429" in each and "again in 1.0 s" in each]  # type: ignore[attr-defined]


def test_who_is_told_to_wait_for_an_hour_is_not_kept_waiting(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    server.trouble("GET", "/v3/organizations", status=429, times=9, headers={"Retry-After": "3600"})
    with pytest.raises(ApiError, match="come back in 3600 s"):
        cf.spaces.organization("org")
    assert server.times("GET", "/v3/organizations") == 1


def test_a_date_in_retry_after_is_understood(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    server.trouble(
        "GET", "/v3/organizations", status=429, times=9, headers={"Retry-After": "Wed, 21 Oct 2099 07:28:00 GMT"}
    )
    with pytest.raises(ApiError, match=r"come back in \d{9,} s"):
        cf.spaces.organization("org")


@pytest.mark.parametrize("status", [502, 503, 504, 0])
def test_reading_goes_on_when_the_foundation_is_back(foundation: Start, client: Of, status: int) -> None:
    server = foundation()
    cf = client(server)
    server.trouble("GET", "/v3/organizations", status=status, times=3)
    assert cf.spaces.organization("org").name == "org"
    assert server.times("GET", "/v3/organizations") == 4


def test_reading_is_given_up_in_the_end_with_what_the_router_said(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    server.trouble("GET", "/v3/organizations", times=99)
    with pytest.raises(ApiError, match="502: 502 Bad Gateway: Registered endpoint"):
        cf.spaces.organization("org")
    assert server.times("GET", "/v3/organizations") == QUICK.attempts


@pytest.mark.parametrize("status", [502, 504, 0])
def test_what_may_have_been_created_is_not_created_twice(foundation: Start, client: Of, status: int) -> None:
    server = foundation()
    cf = client(server)
    space = cf.here.guid
    server.trouble("POST", "^/v3/apps$", status=status, times=9, after=True)
    with pytest.raises((ApiError, Unreachable), match="may have been done: look before you repeat it"):
        cf.apps.create(space, "shop")
    assert server.times("POST", "/v3/apps") == 1
    assert [each.name for each in cf.apps.every(space)] == ["shop"]


def test_services_and_deployments_are_not_asked_for_twice_either(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    space, plan = cf.here.guid, cf.services.plan("rabbitmq", "shared").guid
    app = cf.apps.create(space, "shop").guid
    server.trouble("POST", "^/v3/(service|deployments|packages|builds|routes|tasks)", times=9)
    for create in (
        lambda: cf.services.create(space, "rabbit", plan),
        lambda: cf.services.bind(app, plan),
        lambda: cf.rollout.deploy(app, app),
        lambda: cf.staging.upload(app, b""),
        lambda: cf.routes.create(space, cf.routes.domain("apps.test").guid, "shop"),
    ):
        with pytest.raises(ApiError, match="may have been done"):
            create()
    assert server.times("POST", "/v3/(service_.*|deployments|packages|routes)") == 5


def test_what_comes_to_the_same_when_done_twice_is_asked_for_again(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    space = cf.here.guid
    app = cf.apps.create(space, "shop").guid
    web = cf.processes.get(app, "web").guid
    server.trouble("POST", "actions/(scale|stop|apply_manifest)$", times=3)
    server.trouble("PATCH", "environment_variables")
    cf.processes.scale(web, instances=3)
    cf.apps.stop(app)
    cf.spaces.apply_manifest(space, {"applications": [{"name": "shop"}]})
    cf.apps.set_environment(app, {"A": "1", "B": "2"})
    cf.apps.set_environment(app, {"A": None})
    assert cf.processes.get(app, "web").instances == 3
    assert cf.apps.environment(app) == {"B": "2"}
    assert len(server.foundation.manifests) == 1


def test_bits_whose_upload_went_unanswered_are_there_once(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    app = cf.apps.create(cf.here.guid, "shop").guid
    server.trouble("POST", "/upload$", after=True)
    package = cf.staging.upload(app, b"zip")
    assert package.state == "READY" and server.foundation.bits == {package.guid: b"zip"}


def test_a_deletion_whose_answer_was_lost_is_done(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    app = cf.apps.create(cf.here.guid, "shop").guid
    server.trouble("DELETE", "^/v3/apps", after=True)
    cf.apps.delete(app)
    assert cf.apps.every(cf.here.guid) == []


def test_links_are_followed_where_we_know_the_foundation_to_be(foundation: Start, client: Of) -> None:
    """The fake's links name another host, as those behind a proxy do; a token must not go there."""
    server = foundation(page=2)
    cf = client(server)
    names = [f"app-{number}" for number in range(5)]
    for name in names:
        cf.apps.create(cf.here.guid, name)
    server.asked.clear()
    assert [each.name for each in cf.apps.every(cf.here.guid)] == names
    assert server.times("GET", "/v3/apps") == 3


def test_a_space_that_is_not_there_is_named_with_what_shows_those_that_are(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    with pytest.raises(NotThere, match=r"no space 'prod' in 'org'.*\n?.*cf spaces"):
        cf.spaces.get("org", "prod")


def test_an_address_where_nobody_listens(client: Of) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    said: list[str] = []
    cf = Client(address, BearerToken("t"), patience=QUICK, say=said.append)
    with pytest.raises(Unreachable, match=r"no connection to 127\.0\.0\.1.*refused.*check the API's address"):
        cf.spaces.organization("org")
    assert len(said) == QUICK.attempts - 1


def test_an_address_that_is_no_foundation(foundation: Start) -> None:
    server = foundation()
    server.trouble("GET", "", status=200, times=99, body="<html>It works!</html>")
    cf = Client(server.foundation.url, BearerToken("t"), patience=QUICK)
    with pytest.raises(Unreachable, match=r"did not answer as a Cloud Foundry API does.*It works.*cf api"):
        cf.spaces.organization("org")
    with pytest.raises(Unreachable, match=r"did not answer as"):
        Client(server.foundation.url, RefreshToken(REFRESH), patience=QUICK).spaces.organization("org")


def test_an_address_that_leads_elsewhere_is_not_followed(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    space = cf.here.guid
    server.trouble("POST", "^/v3/apps", status=302, headers={"Location": "https://login.example.org/"}, body="")
    with pytest.raises(Unreachable, match=r"leads to https://login.example.org/; give the address of the API itself"):
        cf.apps.create(space, "shop")


@pytest.mark.parametrize("address", ["http://api.example.org", "ftp://api.example.org", "https://"])
def test_an_address_that_would_give_logins_away_is_refused_at_once(address: str) -> None:
    with pytest.raises(Unreachable, match="https"):
        Client(address, BearerToken("t"))


def test_a_foundation_with_a_certificate_of_its_own(tmp_path: Path) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with serving(Foundation(), tls) as server:
        url = server.foundation.url
        with pytest.raises(Unreachable, match=re.escape("CF_CA_FILE")):
            Client(url, RefreshToken(REFRESH), patience=QUICK).spaces.organization("org")
        cf = Client(url, RefreshToken(REFRESH), str(tmp_path / "ca.pem"), QUICK)
        assert cf.spaces.organization("org").name == "org"
        said: list[str] = []
        cf = Client(url, RefreshToken(REFRESH), False, QUICK, said.append)
        assert cf.spaces.organization("org").name == "org"
        assert len(said) == 1 and "is not checked" in said[0]
