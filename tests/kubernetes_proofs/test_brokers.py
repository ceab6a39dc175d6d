"""The other two ways to a broker: RabbitMQ's Cluster Operator, and one that is there already."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..cluster import stack as images_of
from ..front_end import wait_until
from ..under_load import Fault, assert_proven
from .site import Site, restarts
from .test_faults import FAULT_AT, LENGTH, PATIENCE, RATE

# A front end and one pool are enough to see that a broker does.
SMALL: dict[str, Any] = {
    **{part: {"enabled": False} for part in ("beat", "flower", "consumer")},
    "workers": {"fast": {"replicas": 2}, "io": {"replicas": 0}, "long": {"replicas": 0}},
    "web": {"replicas": 1},
    "readyWithin": 240,
}


@pytest.fixture
def other(cluster: Any, images: dict[str, Any]) -> Iterator[Callable[..., Site]]:
    """A small stack beside the one of all tests."""
    made: list[Site] = []

    def make(name: str, broker: dict[str, Any], **config: Any) -> Site:
        stack = images_of.opened(cluster, name, {})
        ours = {"broker": {**images["broker"], **broker}}
        site = Site(cluster, stack, f"warren-{name}", {**SMALL, **images, **ours, **config})
        made.append(site)
        site.up()
        site.ready()
        return site

    yield make
    for site in made:
        site.stack.run("destroy", "--yes")


def test_a_broker_of_the_cluster_operator(other: Any, tmp_path: Path, say: Any) -> None:
    """Three nodes; the loss of one under load loses nothing."""
    site = other("operator", {"kind": "operator"}, contract={"broker": {"nodes": 3, "replicas": 3}})
    wait_until(lambda: len(site.brokers()) == 3, "three brokers", 120)
    site.wait_for("statefulset/rabbitmq-server")
    workers, victim = restarts(site.workers("fast")), "rabbitmq-server-0"
    before = restarts(site.brokers())[victim]
    steps = [(FAULT_AT, lambda: site.kubectl("delete", "pod", victim, "--wait=false"))]
    outcome = Fault(steps).under_load(site.where, tmp_path, length=LENGTH, rate=RATE, drain=PATIENCE)
    assert_proven(outcome, say)
    site.wait_for("statefulset/rabbitmq-server")
    assert restarts(site.brokers())[victim] != before
    assert restarts(site.workers("fast")) == workers
    binding = next(
        each for each in site.kubectl.get("secrets")["items"] if each["type"].startswith("servicebinding.io")
    )
    assert {"host", "port", "username", "password", "connection_string"} <= binding["data"].keys()


def test_a_broker_that_is_there_already(other: Any, plain_broker: str) -> None:
    site = other("outside", {"kind": "external", "uri": plain_broker})
    assert not site.brokers()
    assert site.front().get(f"/tasks/{site.front().send_task('add', 2, 3)}?wait=20").json()["result"] == 5
