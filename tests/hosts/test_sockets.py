"""Who can be reached from outside, and who must not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .units import APP, BROKER, result_store

PROGRAM = (Path(__file__).parent / "programs/listeners.py").read_text()
EPMD = 4369  # tells nodes of a cluster each other's port; a child of the broker or a service of its own
Listeners = Callable[[str], list[tuple[str, int]]]


@pytest.fixture
def listeners(host: Any, remote: Any) -> Listeners:
    """(address, port) of the TCP sockets of units whose names begin so."""
    found = remote.python(host.machine, PROGRAM)
    return lambda unit: [(address, port) for name, address, port in found if name.startswith(unit)]


def is_loopback(address: str) -> bool:
    return address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1")


@pytest.mark.on("brokers")
def test_brokers_speak_tls_and_nothing_else_to_others(host: Any, listeners: Listeners) -> None:
    facts = host.facts
    outside = {port for address, port in listeners(BROKER) if not is_loopback(address)}
    allowed = {int(facts[f"rabbitmq_{name}_port"]) for name in ("tls", "distribution", "management_tls")} - {0}
    assert int(facts["rabbitmq_tls_port"]) in outside, (
        f"{facts['rabbitmq_tls_port']} (amqps) is not open; is the certificate good? journalctl -u {BROKER}"
    )
    unmeant = outside - allowed - {EPMD}
    assert not unmeant, f"open to others and not meant to be: {unmeant}; run site.yml"


@pytest.mark.on("results")
def test_the_result_store_listens_at_its_port_alone(host: Any, listeners: Listeners) -> None:
    for unit in result_store(host):
        outside = {port for address, port in listeners(unit) if not is_loopback(address)}
        assert outside <= {int(host.facts["results_port"])}, f"{unit} is open at {outside}; run site.yml"


@pytest.mark.on("web")
def test_the_front_end_listens_where_the_inventory_says(host: Any, listeners: Listeners) -> None:
    facts = host.facts
    found = listeners("warren-web")
    ports = {port for _, port in found}
    assert int(facts["web_port"]) in ports, f"nobody listens at port {facts['web_port']}; journalctl -u warren-web"
    if is_loopback(facts["web_host"]):
        assert all(is_loopback(address) for address, _ in found), (
            f"open to others: {found}; systemctl restart warren-web"
        )


@pytest.mark.on("flower")
def test_flower_listens_where_the_inventory_says(host: Any, listeners: Listeners) -> None:
    facts = host.facts
    found = listeners("warren-flower")
    assert {port for _, port in found} == {int(facts["flower_port"])}, f"Flower listens at {found}; run site.yml"
    if is_loopback(facts["flower_host"]):
        assert all(is_loopback(address) for address, _ in found), f"open to others: {found}; run site.yml"


@pytest.mark.on(*APP)
def test_workers_beat_and_consumer_are_not_reached_from_outside(host: Any, listeners: Listeners) -> None:
    for unit in ("warren-worker", "warren-beat", "warren-consumer"):
        outside = [each for each in listeners(unit) if not is_loopback(each[0])]
        assert not outside, f"open to others: {outside}; set celery_metrics_host to a private address or 127.0.0.1"
