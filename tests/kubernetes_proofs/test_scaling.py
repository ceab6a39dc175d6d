"""KEDA: a burst grows a pool to its maximum, an empty queue shrinks it, and loses no task that still runs."""

import time
from typing import Any

from ..front_end import wait_until
from ..long_task import LongTask, assert_done_once
from .conftest import LARGEST
from .site import watched

BURST, EACH = 80, 4.0  # tasks and seconds: a pod runs eight at a time and is meant to hold sixteen
# Seconds; longer than the scaler takes to see that the rest is done.
LAST = 45.0
COST = "controller.kubernetes.io/pod-deletion-cost"
ASK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9100/metrics', timeout=5).read().decode())"


def test_a_burst_grows_the_pool_and_an_empty_queue_shrinks_it_around_a_running_task(site: Any, say: Any) -> None:
    site.whole("io", 1)
    tasks = [{"task": "sleep", "args": [EACH]}] * BURST
    run = f"burst-{time.time():.0f}"
    answer = site.front().post("/batches", json={"tasks": tasks}, headers={"Warren-Run": run})
    assert {item["state"] for item in answer.json()["items"]} == {"accepted"}, answer.text

    def count() -> int:
        return len(site.workers("io"))

    grown = watched(count, lambda: count() == LARGEST)
    wait_until(lambda: ends(site, run) == BURST, "the end of the burst", 120)
    task = LongTask(site.front(), queue="io", seconds=LAST)
    holder = wait_until(lambda: busy(site), "the long task's begin")
    # Of the pods that are too many, the busy one is taken first.
    site.kubectl("annotate", "pod", holder, f"{COST}=-1000")
    shrunk = watched(count, lambda: count() == 1)
    say(f"pods of the pool io: {steps([*grown, *shrunk])}")
    assert holder not in site.workers("io"), "another pod was told to go"
    records = task.ends()
    assert_done_once(records)
    assert holder in records[0]["worker"]


def ends(site: Any, run: str) -> int:
    """How many tasks of a run have ended."""
    return len({record["id"] for record in site.front().get(f"/runs/{run}/records?wait=2").json().get("records", [])})


def busy(site: Any) -> str:
    """The pod that has a task running, by what it says of itself; empty when none has."""
    for pod in site.workers("io"):
        said = site.kubectl("exec", pod, "--", "python", "-c", ASK).splitlines()
        if any(line.startswith("warren_tasks_active") and float(line.split()[-1]) > 0 for line in said):
            return str(pod)
    return ""


def steps(seen: list[int]) -> str:
    changes = [count for number, count in enumerate(seen) if number == 0 or count != seen[number - 1]]
    return " → ".join(map(str, changes))
