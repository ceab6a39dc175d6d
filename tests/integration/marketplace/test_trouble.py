"""What fails half-way, is asked wrongly or is away: a clear answer, nothing left behind, no secret in the log."""

import base64
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from openbrokerapi.errors import ErrInstanceDoesNotExist
from openbrokerapi.service_broker import DeprovisionDetails

from app.contract import Contract
from app.marketplace import management
from app.marketplace.broker import Marketplace
from app.marketplace.instances import Instances
from app.marketplace.management import Management, RabbitMQAway, RabbitMQSlow, Refused
from app.marketplace.plans import SHIPPED, load_offering

from .foundation import KEY, LOGIN, SERVICE, SMALL, Foundation, new
from .management_proxy import ManagementProxy

# Whatever else RabbitMQ has must not be touched.
RABBITMQ_USER = "admin"


def test_a_bind_that_fails_half_way_leaves_no_user(second: Foundation, proxy: ManagementProxy, broker: Any) -> None:
    instance, binding = new(), new()
    second.provision(instance)
    with proxy.refusing("PUT /api/permissions"):
        failed = second.bind(instance, binding)
    assert failed.status_code == 503
    assert "try again" in failed.json()["description"]
    assert binding not in broker.names("users")
    # Where even the user cannot be deleted, unbinding finds it, and so does the next try.
    for heal in (second.unbind, second.bind):
        with proxy.refusing("PUT /api/permissions", "DELETE /api/users"):
            assert second.bind(instance, binding).status_code == 503
        assert binding in broker.names("users")
        assert heal(instance, binding).ok
    assert broker.api(f"users/{binding}/permissions")[0]["vhost"] == instance


def test_an_instance_that_was_left_half_made_is_completed(
    second: Foundation, proxy: ManagementProxy, broker: Any
) -> None:
    instance = new()
    with proxy.refusing("PUT /api/vhost-limits"):
        assert second.provision(instance).status_code == 503
    assert second.provision(instance).ok
    assert broker.api(f"vhost-limits/{instance}")[0]["value"]["max-queues"] == 100


def test_what_is_not_the_marketplaces_is_left_alone(foundation: Foundation, broker: Any, contract: Contract) -> None:
    theirs = contract.broker.vhost
    assert foundation.provision(theirs).status_code == 409
    assert foundation.deprovision(theirs).status_code == 410
    assert foundation.ask("GET", f"service_instances/{theirs}").status_code == 404
    instance = new()
    foundation.provision(instance)
    taken = foundation.bind(instance, RABBITMQ_USER)
    assert taken.status_code == 409
    assert "did not make" in taken.json()["description"]
    assert foundation.unbind(instance, RABBITMQ_USER).status_code == 410
    foundation.deprovision(instance)
    assert RABBITMQ_USER in broker.names("users")
    assert theirs in broker.names("vhosts")


Bad = Callable[[Foundation], requests.Response]
BAD: dict[str, tuple[Bad, int, str]] = {
    "a plan that is not in the catalog": (lambda f: f.provision(new(), "nope"), 400, "plan_id not found"),
    "a service that is not in the catalog": (
        lambda f: f.provision(new(), more={"service_id": "x"}),
        400,
        "no service x",
    ),
    "parameters": (lambda f: f.provision(new(), more={"parameters": {"size": 1}}), 400, "choose a plan"),
    "an id that cannot be a vhost": (lambda f: f.provision("a b"), 400, "letters, digits"),
    "an instance that is not there": (lambda f: f.bind(new(), new()), 400, "no service instance"),
    "no plan": (lambda f: f.ask("DELETE", f"service_instances/{new()}", service_id=SERVICE), 400, "Bad Request"),
    "no JSON": (
        lambda f: f.session.put(f"{f.url}/v2/service_instances/x", data="{", timeout=9),
        400,
        "application/json",
    ),
    "a body without end": (lambda f: f.provision(new(), more={"x": "y" * 5_000_000}), 413, "exceeds"),
    "another path": (lambda f: f.ask("GET", "nothing"), 404, "not found"),
    "another method": (lambda f: f.ask("POST", "catalog"), 405, "not allowed"),
    "another version": (
        lambda f: f.session.get(f"{f.url}/v2/catalog", headers={"X-Broker-API-Version": "1.0"}, timeout=9),
        412,
        "requires version",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_what_is_asked_wrongly_is_told(foundation: Foundation, broker: Any, bad: str) -> None:
    ask, status, why = BAD[bad]
    before = broker.names("vhosts")
    answer = ask(foundation)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert why in answer.json()["description"]
    assert broker.names("vhosts") == before


@pytest.mark.parametrize("login", [None, (LOGIN[0], "wrong"), ("", ""), ("admin", LOGIN[1])])
def test_who_does_not_log_in_sees_nothing(foundation: Foundation, login: tuple[str, str] | None, broker: Any) -> None:
    for path in ("catalog", "service_instances/x"):
        answer = requests.get(
            f"{foundation.url}/v2/{path}",
            auth=login,
            headers={"X-Broker-API-Version": "2.17"},
            verify=broker.ca,
            timeout=10,
        )
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_node_that_hangs_is_passed_over(broker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(management, "_READ", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        hung = f"http://127.0.0.1:{hanging.getsockname()[1]}"
        both = Management([hung, broker.plain], ("admin", broker.password), None)
        assert both.get("whoami")["name"] == "admin"
        assert both.get("whoami")["name"] == "admin"
        with pytest.raises(RabbitMQSlow, match=f"{hung}: no answer in time"):
            Management([hung], ("admin", broker.password), None).get("whoami")


@pytest.mark.parametrize(
    ("login", "ca", "why"),
    [
        (("admin", "wrong"), True, "refuses the login in WARREN_MARKETPLACE_API_LOGIN_FILE"),
        (None, True, "lacks the tag `administrator`"),
        (("admin", "right"), False, "is WARREN_MARKETPLACE_CA its authority"),
    ],
    ids=["wrong password", "no administrator", "unknown authority"],
)
def test_a_broker_that_will_not_have_us_is_told_from_one_that_is_away(
    broker: Any, login: tuple[str, str] | None, ca: bool, why: str
) -> None:
    login = login or ("worker", broker.node.files.passwords["worker"])
    with pytest.raises((RabbitMQAway, Refused), match=why):
        Management([broker.https], login, broker.ca if ca else None).get("vhosts")


def test_while_the_cluster_is_away(second: Foundation, proxy: ManagementProxy) -> None:
    instance, binding, credentials = second.bound()
    with proxy.away():
        for answer in (second.bind(instance, new()), second.provision(new()), second.deprovision(instance)):
            assert answer.status_code == 503
            assert "RabbitMQ does not answer" in answer.json()["description"]
        assert second.ask("GET", "catalog").ok
    again = second.bind(instance, binding)
    assert (again.status_code, again.json()["credentials"]) == (200, credentials)


def test_a_vhost_that_takes_long_to_delete(
    broker: Any, proxy: ManagementProxy, foundation: Foundation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A platform that can wait polls until it is gone; one that cannot is told to ask again."""
    monkeypatch.setattr(management, "_READ", 0.3)
    instances = Instances(Management([proxy.url], ("admin", broker.password), None))
    seller = Marketplace(load_offering(SHIPPED), instances, bindings=None, patience=5)  # type: ignore[arg-type]
    for can_wait in (True, False):
        instance, *_ = foundation.bound()
        with proxy.slow("DELETE /api/vhosts"):
            if can_wait:
                answer = seller.deprovision(instance, DeprovisionDetails(SERVICE, SMALL), async_allowed=True)
                assert answer.is_async
            else:
                with pytest.raises(RabbitMQSlow):
                    seller.deprovision(instance, DeprovisionDetails(SERVICE, SMALL), async_allowed=False)
        with pytest.raises(ErrInstanceDoesNotExist):
            seller.last_operation(instance, "deprovision", None, None)
        assert instance not in broker.names("vhosts")


def test_the_log_tells_all_but_secrets(foundation: Foundation, second: Foundation, broker: Any, folder: Path) -> None:
    instance, binding, _ = foundation.bound()
    log = (folder / "marketplace.log").read_text()
    assert f"PUT /v2/service_instances/{instance}/service_bindings/{binding} 201" in log
    assert "Traceback" not in log
    as_sent = {
        base64.b64encode(f"{user}:{word}".encode()).decode() for user, word in (LOGIN, ("admin", broker.password))
    }
    for secret in {LOGIN[1], KEY, broker.password} | as_sent | foundation.passwords | second.passwords:
        assert secret not in log
