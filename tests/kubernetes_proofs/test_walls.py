"""What is closed: to pods that could do harm, and to pods of others."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ..front_end import wait_until

ASK = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.split(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(place, "open")
    except OSError as error:
        print(place, "closed")
"""


def test_restricted_is_enforced_and_everything_has_started(site: Any) -> None:
    labels = site.kubectl.get("namespace", site.namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    code, said = site.hands.try_(
        "kubectl", "-n", site.namespace, "run", "intruder", f"--image={site.config['image']}", "--privileged"
    )
    assert code != 0 and "violates PodSecurity" in said, said
    components = {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in site.pods().values()}
    assert components == {"broker", "results", "worker", "web", "beat", "flower", "consumer"}


@pytest.fixture
def stranger(site: Any) -> Iterator[str]:
    """A pod in a namespace of its own."""
    site.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "elsewhere"}},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "stranger", "namespace": "elsewhere"},
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": site.config["image"],
                        "command": ["python", "-c", "import time; time.sleep(600)"],
                    }
                ],
                "terminationGracePeriodSeconds": 0,
            },
        },
    )
    site.hands.kubectl("-n", "elsewhere", "wait", "--for=condition=Ready", "pod/stranger", "--timeout=60s")
    yield "stranger"
    site.hands.kubectl("delete", "namespace", "elsewhere")


def test_who_is_outside_reaches_the_front_end_and_nothing_else(site: Any, stranger: str) -> None:
    def asked(service: str, port: int) -> str:
        place = f"{service}.{site.namespace}.svc:{port}"
        said = site.hands.kubectl("-n", "elsewhere", "exec", stranger, "--", "python", "-c", ASK, place)
        return str(said.split()[-1])

    # That it reaches anything shows that the others are closed to it, and not merely away.
    wait_until(lambda: asked("web", 80) == "open", "a way to the front end")
    for service, port in (("rabbitmq", 5671), ("rabbitmq", 15671), ("results", 6379), ("rabbitmq-nodes", 5671)):
        assert asked(service, port) == "closed", (service, port)


def test_no_pod_shows_a_secret_in_its_environment(site: Any) -> None:
    shown = json.dumps([pod["spec"] for pod in site.pods().values()])
    assert site.token not in shown
    assert "amqps://" not in shown and "rediss://" not in shown
