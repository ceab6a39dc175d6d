"""The broker's address is found in each of its six places, in order, and whatever characters it holds."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from app.broker.address import resolve_broker
from app.broker.url import AddressError, BrokerAddress, parse_url
from app.contract import load_contract

STACK = Path(__file__).parents[2] / "stack.yml"

ODD = "p@ss:w/rd#?%&; é"


def found(env: dict[str, str], tmp_path: Path) -> BrokerAddress:
    return resolve_broker(env, tmp_path / ".env")


def bind(root: Path, name: str, **values: str) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    for key, value in values.items():
        (folder / key.replace("_", "-")).write_text(value + "\n")


def vcap(*services: dict[str, Any]) -> str:
    return json.dumps({f"label-{i}": [service] for i, service in enumerate(services)})


def everything(tmp_path: Path) -> dict[str, str]:
    """An environment in which all six places name a broker, each on a host of its own."""
    (tmp_path / ".env").write_text("CELERY_BROKER_URL=amqp://u:p@two/v\n")
    (tmp_path / "vcap").write_text(vcap({"name": "mq", "credentials": {"uri": "amqp://u:p@four/v"}}))
    bind(tmp_path / "bindings", "mq", type="rabbitmq", host="five", username="u", password="p")
    return {
        "CELERY_BROKER_URL": "amqp://u:p@one/v",
        "VCAP_SERVICES": vcap({"name": "mq", "credentials": {"uri": "amqp://u:p@three/v"}}),
        "VCAP_SERVICES_FILE_PATH": str(tmp_path / "vcap"),
        "SERVICE_BINDING_ROOT": str(tmp_path / "bindings"),
        "RABBITMQ_SERVICE_SERVICE_HOST": "six",
        "RABBITMQ_USERNAME": "u",
        "RABBITMQ_PASSWORD": "p",
    }


def test_the_order_of_the_places(tmp_path: Path) -> None:
    env = everything(tmp_path)
    order = []
    for place in ["CELERY_BROKER_URL", None, "VCAP_SERVICES", "VCAP_SERVICES_FILE_PATH", "SERVICE_BINDING_ROOT"]:
        order.append(found(env, tmp_path).hosts[0][0])
        if place:
            del env[place]
        else:
            (tmp_path / ".env").unlink()
    order.append(found(env, tmp_path).hosts[0][0])
    assert order == ["one", "two", "three", "four", "five", "six"]


def test_the_first_place_may_be_a_file(tmp_path: Path) -> None:
    file = tmp_path / "broker"
    file.write_text("amqp://u:p@secret/v\n")
    env = everything(tmp_path) | {"CELERY_BROKER_URL_FILE": str(file)}
    assert found(env, tmp_path).hosts[0][0] == "one"
    del env["CELERY_BROKER_URL"]
    assert found(env, tmp_path).hosts[0][0] == "secret"


def test_nothing_found_names_every_place(tmp_path: Path) -> None:
    with pytest.raises(AddressError) as refused:
        found({}, tmp_path)
    for name in [
        "CELERY_BROKER_URL",
        "CELERY_BROKER_URL_FILE",
        ".env",
        "VCAP_SERVICES",
        "VCAP_SERVICES_FILE_PATH",
        "SERVICE_BINDING_ROOT",
    ]:
        assert name in str(refused.value)
    assert "RABBITMQ_SERVICE_HOST" in str(refused.value)


def test_odd_characters_survive_every_way_in(tmp_path: Path) -> None:
    bind(tmp_path / "b", "mq", type="rabbitmq", host="h", username="ü:", password=ODD, virtual_host="a/b")
    from_parts = found({"SERVICE_BINDING_ROOT": str(tmp_path / "b")}, tmp_path)
    assert (from_parts.user, from_parts.password, from_parts.vhost) == ("ü:", ODD, "a/b")
    again = parse_url(from_parts.url, "round trip")
    assert (again.user, again.password, again.vhost) == ("ü:", ODD, "a/b")
    # Unescaped in a URL, as people write them: the last @ ends the password.
    assert parse_url("amqp://u:p@s/s#1@host:5673/v", "x").password == "p@s/s#1"


@pytest.mark.parametrize(
    ("url", "hosts", "vhost", "tls"),
    [
        ("amqp://u:p@h", [("h", 5672)], "/", False),
        ("amqp://u:p@h//", [("h", 5672)], "/", False),
        ("amqp://u:p@h/%2f", [("h", 5672)], "/", False),
        ("amqps://u:p@h/v", [("h", 5671)], "v", True),
        ("amqp://u:p@[::1]:5673/v?heartbeat=5", [("::1", 5673)], "v", False),
        ("amqp://u:p@a/v;amqp://u:p@b:5673/v", [("a", 5672), ("b", 5673)], "v", False),
    ],
)
def test_shapes_of_urls(url: str, hosts: list[tuple[str, int]], vhost: str, tls: bool) -> None:
    address = parse_url(url, "x")
    assert (list(address.hosts), address.vhost, address.tls) == (hosts, vhost, tls)


@pytest.mark.parametrize("url", ["redis://h/0", "h:5672", "amqp://u:p@/v", "amqp://u:p@h:99999/v", "amqp://"])
def test_a_broken_url_is_refused_without_showing_it(url: str, tmp_path: Path) -> None:
    with pytest.raises(AddressError, match="amqp://user:password@host") as refused:
        found({"CELERY_BROKER_URL": url.replace("u:p@", "u:geheim@")}, tmp_path)
    assert "geheim" not in str(refused.value)


def test_the_password_is_never_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        address = found({"CELERY_BROKER_URL": "amqp://u:geheim@h/v"}, tmp_path)
    assert "amqp://u:***@h:5672/v, from CELERY_BROKER_URL" in caplog.text
    assert "geheim" not in caplog.text + repr(address)


def test_services_are_told_apart_by_uri_and_tag_never_by_label(tmp_path: Path) -> None:
    others = {"name": "db", "credentials": {"uri": "postgres://x"}, "tags": ["sql"]}
    by_tag = {"name": "q", "tags": ["RabbitMQ"], "credentials": {"hostname": "h", "username": "u", "password": "p"}}
    assert found({"VCAP_SERVICES": vcap(others, by_tag)}, tmp_path).hosts == (("h", 5672),)
    nested = {"name": "q", "tags": [], "credentials": {"protocols": {"amqp+ssl": {"uris": ["amqps://u:p@deep/v"]}}}}
    assert found({"VCAP_SERVICES": vcap(others, nested)}, tmp_path).hosts == (("deep", 5671),)
    with pytest.raises(AddressError, match="no broker address found"):
        found({"VCAP_SERVICES": vcap(others)}, tmp_path)


def test_two_brokers_bound_is_not_a_guess(tmp_path: Path) -> None:
    two = vcap({"name": "a", "credentials": {"uri": "amqp://a"}}, {"name": "b", "credentials": {"uri": "amqp://b"}})
    with pytest.raises(AddressError, match=r"\(a, b\); say which by CELERY_BROKER_URL"):
        found({"VCAP_SERVICES": two}, tmp_path)


@pytest.mark.parametrize(
    ("env", "why"),
    [
        ({"VCAP_SERVICES": "{"}, "not the JSON"),
        ({"VCAP_SERVICES_FILE_PATH": "/nowhere"}, "/nowhere cannot be read"),
        ({"CELERY_BROKER_URL_FILE": "/nowhere"}, "CELERY_BROKER_URL_FILE: /nowhere cannot be read"),
        ({"CELERY_BROKER_URL_FILE": "/dev/null"}, r"CELERY_BROKER_URL_FILE \(/dev/null\): the file is empty"),
        ({"RABBITMQ_SERVICE_HOST": "h"}, "RABBITMQ_USERNAME"),
        ({"CELERY_BROKER_URL": "amqps://u:p@h/v", "WARREN_BROKER_CA": "/nowhere"}, "no file /nowhere"),
    ],
)
def test_a_place_with_a_broken_address_is_an_error_not_skipped(tmp_path: Path, env: dict[str, str], why: str) -> None:
    with pytest.raises(AddressError, match=why):
        found(env, tmp_path)


def test_tls_checks_certificate_and_host_name() -> None:
    address = parse_url("amqps://u:p@h/v", "x")
    options = address.celery_ssl()
    assert isinstance(options, dict)
    assert options["cert_reqs"].name == "CERT_REQUIRED"
    context = address.ssl_context()
    assert context is not None
    assert context.check_hostname


def test_a_broker_that_is_cut_off_is_left_before_two_heartbeats_are_missed() -> None:
    contract = load_contract(STACK)
    (parameters,) = parse_url("amqp://u:p@one/v", "test").pika_parameters(contract)
    assert parameters.tcp_options["TCP_USER_TIMEOUT"] < 2 * contract.broker.heartbeat * 1000
