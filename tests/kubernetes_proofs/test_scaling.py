"""KEDA: a burst grows a pool to its maximum, an empty queue shrinks it to its minimum."""

import time
from typing import Any

from .conftest import LARGEST
from .site import watched

BURST, EACH = 80, 4.0  # tasks and seconds: a pod runs eight at a time and is meant to hold sixteen


def test_a_burst_grows_the_pool_and_an_empty_queue_shrinks_it(site: Any, say: Any) -> None:
    site.whole("io", 1)
    tasks = [{"task": "sleep", "args": [EACH]}] * BURST
    run = {"Warren-Run": f"burst-{time.time():.0f}"}
    answer = site.front().post("/batches", json={"tasks": tasks}, headers=run)
    assert {item["state"] for item in answer.json()["items"]} == {"accepted"}, answer.text

    def count() -> int:
        return len(site.workers("io"))

    grown = watched(count, lambda: count() == LARGEST)
    shrunk = watched(count, lambda: count() == 1)
    say(f"pods of the pool io: {steps([*grown, *shrunk])}")
    records = site.front().get(f"/runs/{run['Warren-Run']}/records?wait=5").json()["records"]
    assert {record["id"] for record in records} == {item["id"] for item in answer.json()["items"]}
    assert len({record["worker"] for record in records}) > 1, "the pods that came had nothing to do"


def steps(seen: list[int]) -> str:
    changes = [count for number, count in enumerate(seen) if number == 0 or count != seen[number - 1]]
    return " → ".join(map(str, changes))
