"""The example "celery-rabbitmq" as written: three pods, service variables only, `add` each five seconds in Flower."""

from typing import Any

import requests

from ..front_end import wait_until
from . import plain


def test_the_example_as_written(site: Any, plain_broker: str, say: Any) -> None:
    site.apply(*plain.clients(site.config["image"]))
    url = site.hands("publish", f"{plain.NAMESPACE}/flower-service").splitlines()[-1]

    def done() -> list[dict[str, Any]]:
        try:
            answer = requests.get(f"{url}/api/tasks?taskname=add", auth=tuple(plain.LOGIN.split(":")), timeout=10)
        except requests.RequestException:
            return []
        tasks = answer.json().values() if answer.ok else []
        return [task for task in tasks if task["state"] == "SUCCESS"]

    found = wait_until(lambda: (tasks := done()) and len(tasks) >= 3 and tasks, "three additions in Flower", 120)
    pods = site.hands.get("pods", "-n", plain.NAMESPACE)["items"]
    assert len(pods) == 3
    said = site.hands.kubectl("-n", plain.NAMESPACE, "logs", "rc/celery-controller", "-c", "worker")
    # The address is the Service's own, which no other variable of the pod holds.
    address = site.hands.get("service", "rabbitmq-service", "-n", plain.NAMESPACE)["spec"]["clusterIP"]
    assert f"@{address}:5672" in said, said[-2000:]
    received = sorted(task["received"] for task in found)
    say(f"seen in Flower: add, every {(received[-1] - received[0]) / (len(received) - 1):.1f} s")
    site.hands.kubectl("-n", plain.NAMESPACE, "delete", "rc/celery-controller", "rc/flower-controller", "--wait=false")
