"""The marketplace broker against a real RabbitMQ over TLS, asked over HTTP as a foundation would."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pika
import pytest
import requests
import trustme
from openbrokerapi.service_broker import Service

from app.broker.address import resolve_broker
from app.contract import Contract
from loadtests.local.ports import free_ports
from loadtests.local.rabbitmq import RabbitMQNode

from ..front_end import wait_until
from .foundation import Foundation, marketplace, new, settings


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Iterator[SimpleNamespace]:
    """A RabbitMQ that serves AMQP and its management API with TLS, as on hosts. `api(path)`: a document."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    node = RabbitMQNode(folder / "node", contract, management=True)
    amqps, https, dead = free_ports(3)
    lines = [f"listeners.ssl.1 = 127.0.0.1:{amqps}", "ssl_options.verify = verify_none"]
    lines += [f"management.ssl.ip = 127.0.0.1\nmanagement.ssl.port = {https}"]
    for listener in ("ssl_options", "management.ssl"):
        lines += [f"{listener}.{file} = {folder}/server.pem" for file in ("certfile", "keyfile")]
        lines += [f"{listener}.cacertfile = {folder}/ca.pem"]
    (folder / "node/conf.d/tls.conf").write_text("\n".join(lines) + "\n")
    with node:
        password = node.files.passwords["admin"]
        session = requests.Session()
        session.auth, session.trust_env = ("admin", password), False
        plain = f"http://127.0.0.1:{node.files.management_port}/api/"
        yield SimpleNamespace(
            node=node,
            ca=str(folder / "ca.pem"),
            pem=str(folder / "server.pem"),
            password=password,
            # The first of two nodes is always away.
            api_addresses=f"https://localhost:{dead} https://localhost:{https}",
            amqp_addresses=f"amqps://localhost:{amqps} amqps://127.0.0.2:{dead}",
            api=lambda path: session.get(plain + path, timeout=10).json(),
            put=lambda path, body: session.put(plain + path, json=body, timeout=10).raise_for_status(),
        )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marketplace's own folder."""
    return tmp_path_factory.mktemp("marketplace") / "marketplace.log"


@pytest.fixture(scope="module")
def foundation(broker: SimpleNamespace, log: Path) -> Iterator[Foundation]:
    """A foundation with the marketplace broker registered: HTTPS on both of its sides."""
    env = settings(log.parent, broker.api_addresses, broker.password, broker.amqp_addresses)
    env |= {"WARREN_MARKETPLACE_CA": broker.ca}
    env |= {f"WARREN_MARKETPLACE_TLS_{part}": broker.pem for part in ("CERT", "KEY")}
    with marketplace(log.parent, env) as url:
        yield Foundation(url, verify=broker.ca)


def connect(credentials: dict[str, Any], contract: Contract, **wrong: str) -> pika.BlockingConnection:
    """As an application would: by what the platform puts into its environment."""
    given = json.dumps({"any-label": [{"name": "mq", "tags": [], "credentials": credentials}]})
    address = resolve_broker({"VCAP_SERVICES": given}, "/nowhere/.env")
    (parameters, *_) = address.pika_parameters(contract)
    for name, value in wrong.items():
        setattr(parameters, name, value)
    return pika.BlockingConnection(parameters)


def test_the_catalog_keeps_the_protocols_rules(foundation: Foundation) -> None:
    (service,) = foundation.ask("GET", "catalog").json()["services"]
    Service(**service)  # the library's own reading of its required fields
    assert {"amqp", "rabbitmq"} <= set(service["tags"])
    assert service["bindable"] and service["plan_updateable"]
    assert service["instances_retrievable"] and service["bindings_retrievable"]
    plans = service["plans"]
    assert [plan["name"] for plan in plans] == ["small", "large"]
    for entry in (service, *plans):
        assert re.fullmatch(r"[A-Za-z0-9.-]+", entry["name"])
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", entry["id"])
        assert entry["description"]
    assert len({entry["id"] for entry in (service, *plans)}) == 3
    for plan in plans:
        assert plan["free"] is True
        assert any("connections" in bullet for bullet in plan["metadata"]["bullets"])


def test_from_the_marketplace_to_a_message_and_back(foundation: Foundation, broker: Any, contract: Contract) -> None:
    instance, binding = new(), new()
    made = foundation.provision(instance)
    assert (made.status_code, made.json()) == (201, {})
    assert broker.api(f"vhost-limits/{instance}")[0]["value"] == {"max-connections": 100, "max-queues": 100}
    credentials = foundation.bind(instance, binding).json()["credentials"]
    assert credentials["uri"].startswith("amqps://")
    assert len(credentials["uris"]) == len(credentials["hostnames"]) == 2
    assert credentials["vhost"] == instance
    with connect(credentials, contract) as connection:
        channel = connection.channel()
        channel.queue_declare("mine", durable=True)
        channel.basic_publish("", "mine", b"hello")
        assert wait_until(lambda: channel.basic_get("mine", auto_ack=True)[2], "the message") == b"hello"
    assert foundation.unbind(instance, binding).status_code == 200
    assert foundation.deprovision(instance).status_code == 200
    assert instance not in {vhost["name"] for vhost in broker.api("vhosts")}
    assert binding not in {user["name"] for user in broker.api("users")}
