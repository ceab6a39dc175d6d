"""A task of twenty seconds survives what happens to its pod: an update, a node's drain, scale-in, a deletion."""

import threading
from typing import Any

from ..front_end import wait_until
from ..long_task import LONG, LongTask, assert_done_once
from .conftest import LARGEST
from .site import restarts, watched

COST = "controller.kubernetes.io/pod-deletion-cost"


def busy(site: Any) -> list[LongTask]:
    """As many tasks as keep every pod of the pool `long` busy, all of them begun."""
    tasks = [LongTask(site.front()) for _ in site.whole("long", 2)]

    def begun() -> bool:
        queues = {queue["name"]: queue for queue in site.front().get("/queues").json()["queues"]}
        return queues["long"]["messages"] == 0

    wait_until(begun, "the tasks' begin")
    return tasks


def test_an_update_rolls_the_right_pods_and_only_those(site: Any) -> None:
    before = restarts(site.pods())
    rolled = set(site.workers("long"))
    tasks = busy(site)
    site.up(workers={"long": {"cpu": "60m"}})
    for task in tasks:
        assert_done_once(task.ends())
    after = restarts(site.pods())
    assert not rolled & set(site.workers("long"))
    assert {name: after.get(name) for name in before.keys() - rolled} == {
        name: how for name, how in before.items() if name not in rolled
    }
    site.up()


def test_a_drained_node(site: Any) -> None:
    brokers = site.brokers()
    nodes = {pod["spec"]["nodeName"] for pod in site.workers("long").values()}
    assert len(nodes) == 2, "the pool is not spread over the nodes"
    # Volumes follow pods here, but no more than one broker may be away.
    node = min(nodes, key=lambda name: sum(pod["spec"]["nodeName"] == name for pod in brokers.values()))
    tasks, ends = busy(site), []
    draining = threading.Thread(target=lambda: ends.append(site.hands.try_("drain", node)))
    draining.start()
    try:
        seen = watched(
            lambda: site.kubectl.get("pdb", "worker-long")["status"]["currentHealthy"], lambda: not draining.is_alive()
        )
        for task in tasks:
            assert_done_once(task.ends())
    finally:
        draining.join()
        site.hands("undrain", node)
    assert ends[0][0] == 0, ends[0][1]
    assert min(seen) >= 1, "the budget was not honoured"
    assert all(pod["spec"]["nodeName"] != node for pod in site.whole("long", 2).values())
    site.wait_for("statefulset/rabbitmq")


def test_a_deleted_worker_pod(site: Any) -> None:
    tasks, victims = busy(site), site.workers("long")
    site.kubectl("delete", "pod", *victims, "--wait=false")
    for task in tasks:
        assert_done_once(task.ends())
    assert not victims.keys() & site.whole("long", 2).keys()


def test_scale_in_by_keda_spares_the_task(site: Any, say: Any) -> None:
    """The busy pod is the one that Kubernetes takes away first."""
    site.kubectl("annotate", "scaledobject/worker-io", f"autoscaling.keda.sh/paused-replicas={LARGEST}", "--overwrite")
    try:
        pods = site.whole("io", LARGEST)
        task = LongTask(site.front(), queue="io")
        (holder,) = wait_until(lambda: consuming(site, pods), "the task's begin")
        site.kubectl("annotate", "pod", holder, f"{COST}=-1000")
    finally:
        site.kubectl("annotate", "scaledobject/worker-io", "autoscaling.keda.sh/paused-replicas-")
    wait_until(lambda: holder not in site.workers("io"), "the busy pod's turn to go", LONG)
    records = task.ends()
    assert_done_once(records)
    assert holder in records[0]["worker"]
    assert len(site.whole("io", 1)) == 1
    say(f"scaled in from {LARGEST} to 1; the task ended in {holder}, which was told to stop while it ran")


def consuming(site: Any, pods: Any) -> list[str]:
    """Which of the pods has a task in hand, by what it says of itself."""
    return [pod for pod in pods if _in_hand(site, pod)]


def _in_hand(site: Any, pod: str) -> bool:
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9100/metrics', timeout=5).read().decode())"
    said = site.kubectl("exec", pod, "--", "python", "-c", ask)
    return any(line.startswith("warren_tasks_active") and float(line.split()[-1]) > 0 for line in said.splitlines())

