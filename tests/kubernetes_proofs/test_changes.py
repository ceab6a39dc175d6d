"""A task of twenty seconds survives what happens to its pod: an update, a node's drain, a deletion."""

import threading
from typing import Any

from ..front_end import wait_until
from ..long_task import LongTask, assert_done, assert_done_once
from .site import restarts, watched


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
    # How many there are of the front end its autoscaler decides, meanwhile too.
    others = {name: how for name, how in before.items() if name not in rolled and not name.startswith("web-")}
    assert {name: after.get(name) for name in others} == others
    site.up()


def test_a_drained_node(site: Any) -> None:
    brokers = site.brokers()
    nodes = {pod["spec"]["nodeName"] for pod in site.workers("long").values()}
    # Volumes follow pods here; the fewer brokers have to move, the sooner it is done.
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


def test_new_passwords_and_certificates(site: Any) -> None:
    """The old ones count until the last pod that has them is gone, so running tasks end. The brokers restart for their
    certificates."""
    before, tasks, token = restarts(site.pods()), busy(site), site.token
    site.config["generation"] = 2
    site.up()
    for task in tasks:
        task.front = site.front()  # the token is another one
        assert_done(task.ends())
    for pool, count in (("fast", 2), ("long", 2)):
        site.whole(pool, count)
    assert not before.keys() & restarts(site.pods("warren/pool")).keys()
    assert site.token != token
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5
    users = site.kubectl("exec", "rabbitmq-0", "-c", "rabbitmq", "--", "rabbitmqctl", "--silent", "list_users")
    assert "web-1" in users and "web-2" in users
