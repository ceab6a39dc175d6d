"""From the marketplace to a working application and back, against a real RabbitMQ, asked as a foundation would."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pika
import pika.exceptions
import pytest
import requests
from openbrokerapi.service_broker import Service

from app.broker.address import resolve_broker
from app.broker.message import TaskMessage
from app.broker.publisher import Publisher
from app.contract import Contract
from app.marketplace.bindings import Bindings, DifferentBinding
from app.marketplace.management import Management

from ...front_end import wait_until
from .foundation import KEY, LARGE, ROOT, SERVICE, SMALL, TINY, Foundation, new


def environment(credentials: dict[str, Any]) -> dict[str, str]:
    """What a platform puts into an application's environment; Korifi leaves the tags out."""
    return {"VCAP_SERVICES": json.dumps({"any-label": [{"name": "mq", "tags": [], "credentials": credentials}]})}


def connect(credentials: dict[str, Any], contract: Contract, **other: str) -> pika.BlockingConnection:
    """As an application would, to its first broker."""
    address = resolve_broker(environment(credentials), "/nowhere/.env")
    (parameters, *_) = address.pika_parameters(contract)
    for name, value in other.items():
        setattr(parameters, name, value)
    return pika.BlockingConnection(parameters)


def test_the_catalog_keeps_the_protocols_rules(second: Foundation) -> None:
    (service,) = second.ask("GET", "catalog").json()["services"]
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
        wait_until(lambda: broker.api(f"queues/{instance}/mine").get("type") == "quorum", "the plan's type of queue")
        channel.basic_publish("", "mine", b"hello")
        assert wait_until(lambda: channel.basic_get("mine", auto_ack=True)[2], "the message") == b"hello"
    assert foundation.unbind(instance, binding).status_code == 200
    assert foundation.deprovision(instance).status_code == 200
    assert instance not in broker.names("vhosts")
    assert binding not in broker.names("users")


def test_a_worker_runs_on_its_binding(foundation: Foundation, contract: Contract, tmp_path: Path) -> None:
    """Our own Celery stack, as a pushed application: a task goes through, and everything is declared by itself."""
    *_, credentials = foundation.bound()
    given = environment(credentials) | {"STACK_FILE": str(ROOT / "stack.yml"), "WARREN_DATA_DIR": str(tmp_path)}
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | given
    worker = subprocess.Popen([sys.executable, "-m", "app", "worker", "fast"], env=env, cwd=tmp_path)
    publisher = Publisher(resolve_broker(given, tmp_path / ".env"), contract)
    try:
        with connect(credentials, contract) as connection:

            def consumers() -> int:
                try:
                    return int(connection.channel().queue_declare("fast", passive=True).method.consumer_count)
                except pika.exceptions.ChannelClosedByBroker:
                    return 0

            wait_until(consumers, "the worker's start")
            publisher.publish(TaskMessage("bound", "noop", "fast"), 5)
            channel = connection.channel()
            wait_until(lambda: channel.queue_declare("fast", passive=True).method.message_count == 0, "the task")
    finally:
        publisher.close()
        worker.terminate()
        assert worker.wait(30) == 0


def test_provisioning_asynchronously(second: Foundation, broker: Any) -> None:
    instance = new()
    began = second.provision(instance, accepts_incomplete="true")
    assert began.status_code == 202
    done = second.finish(instance, began.json()["operation"])
    assert (done.status_code, done.json()["state"]) == (200, "succeeded")
    assert (
        second.provision(instance, accepts_incomplete="true").status_code == 200
    )  # asked for once more, as Korifi does
    ending = second.deprovision(instance, accepts_incomplete="true")
    assert ending.status_code == 202
    assert second.finish(instance, ending.json()["operation"]).status_code == 410
    assert instance not in broker.names("vhosts")
    assert second.finish(instance, began.json()["operation"]).json()["state"] == "failed"


def test_repeating_a_request_changes_nothing(foundation: Foundation, second: Foundation, contract: Contract) -> None:
    """Whichever process answers. Different attributes under the same id are a conflict."""
    instance, binding, credentials = foundation.bound()
    for each in (foundation, second):
        assert each.provision(instance).status_code == 200
        again = each.bind(instance, binding)
        assert (again.status_code, again.json()["credentials"]) == (200, credentials)
        for conflict in (
            each.provision(instance, LARGE),
            each.provision(instance, more={"space_guid": "s", "context": {}}),
        ):
            assert conflict.status_code == 409
            assert "other attributes" in conflict.json()["description"]
    other, *_ = foundation.bound()
    assert second.bind(other, binding).status_code == 409
    assert second.unbind(other, binding).status_code == 410
    connect(credentials, contract).close()  # nothing of this has harmed it
    for expected in (200, 410):
        assert foundation.unbind(instance, binding).status_code == expected
    for expected in (200, 410):
        assert foundation.deprovision(instance).status_code == expected


def test_a_binding_cannot_leave_its_vhost(foundation: Foundation, broker: Any, contract: Contract) -> None:
    _, binding, credentials = foundation.bound()
    *_, neighbour = foundation.bound()
    for vhost in (neighbour["vhost"], contract.broker.vhost):
        with pytest.raises(pika.exceptions.AMQPConnectionError, match=r"access to vhost .* refused"):
            connect(credentials, contract, virtual_host=vhost)
    login = (binding, credentials["password"])
    assert requests.get(f"{broker.plain}/api/overview", auth=login, timeout=10).status_code == 401
    assert broker.api(f"users/{binding}/permissions") == [
        {"user": binding, "vhost": credentials["vhost"], "configure": ".*", "write": ".*", "read": ".*"}
    ]


def test_the_plans_limits_hold(foundation: Foundation, contract: Contract) -> None:
    instance = new()
    foundation.provision(instance, TINY)
    credentials = foundation.bind(instance, new(), TINY).json()["credentials"]
    with connect(credentials, contract) as connection:
        for name in ("one", "two"):
            connection.channel().queue_declare(name)
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="queue limit"):
            connection.channel().queue_declare("three")
        with pytest.raises(pika.exceptions.AMQPConnectionError, match="connection limit"):
            connect(credentials, contract)
        # A larger plan serves the same queues, connections and bindings.
        assert foundation.update(instance, LARGE).status_code == 200
        assert foundation.update(instance, LARGE).status_code == 200
        connection.channel().queue_declare("three")
        connect(credentials, contract).close()
    fetched = foundation.ask("GET", f"service_instances/{instance}").json()
    assert fetched == {"service_id": SERVICE, "plan_id": LARGE}
    assert foundation.bind(instance, new(), TINY).status_code == 400
    assert foundation.update(instance, "no-such-plan").status_code == 400


def test_rotation_leaves_no_gap(foundation: Foundation, contract: Contract) -> None:
    """The next binding works beside the former one; unbinding that closes its connections and its login."""
    instance, former, credentials = foundation.bound()
    connection = connect(credentials, contract)
    following = foundation.bind(instance, new()).json()["credentials"]
    assert following["password"] != credentials["password"]
    with connect(following, contract) as working:
        assert foundation.unbind(instance, former).status_code == 200
        with pytest.raises(pika.exceptions.ConnectionClosed):
            connection.process_data_events(time_limit=10)
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            connect(credentials, contract)
        working.channel().queue_declare("still-here")


def test_a_new_key_keeps_former_bindings(foundation: Foundation, broker: Any, folder: Path) -> None:
    instance, binding, credentials = foundation.bound()
    address = resolve_broker(environment(credentials), "/nowhere/.env")
    api = Management([broker.plain], ("admin", broker.password), None)
    rotated = Bindings(api, address, [b"another key, long enough for anyone", KEY.encode()])
    found = rotated.find(instance, binding)
    assert found is not None
    assert found["password"] == credentials["password"]
    with pytest.raises(DifferentBinding, match="no longer in WARREN_MARKETPLACE_KEY_FILE"):
        Bindings(api, address, [b"another key, long enough for anyone"]).find(instance, binding)


def test_fetching(foundation: Foundation) -> None:
    instance, binding, credentials = foundation.bound()
    path = f"service_instances/{instance}"
    assert foundation.ask("GET", path).json() == {"service_id": SERVICE, "plan_id": SMALL}
    assert foundation.ask("GET", f"{path}/service_bindings/{binding}").json() == {"credentials": credentials}
    assert foundation.ask("GET", f"{path}/service_bindings/{new()}").status_code == 404
    assert foundation.ask("GET", f"service_instances/{new()}/service_bindings/{binding}").status_code == 404
    assert foundation.ask("GET", f"service_instances/{new()}").status_code == 404


def test_an_instance_takes_its_forgotten_bindings_along(foundation: Foundation, broker: Any) -> None:
    instance, binding, _ = foundation.bound()
    assert foundation.deprovision(instance).status_code == 200
    assert binding not in broker.names("users")
