"""What breaks under load loses nothing: the ledger balances by task id, and the stack works again by itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..front_end import wait_until
from ..under_load import Fault, Outcome, Step, assert_nothing_lost, assert_proven, told
from .site import restarts

# Tasks a second and seconds: enough for `assert_proven`.
RATE, LENGTH, FAULT_AT = 130.0, 45.0, 8.0
PATIENCE = 120.0


@pytest.fixture
def under_load(site: Any, tmp_path: Path, say: Any) -> Callable[..., Outcome]:
    """Plays the steps under load, prints what it came to and judges it."""

    def play(steps: list[Step], length: float = LENGTH) -> Outcome:
        rate = RATE * LENGTH / length
        outcome = Fault(steps).under_load(site.where, tmp_path, length=length, rate=rate, drain=PATIENCE)
        assert_proven(outcome, say)
        return outcome

    return play


def leader(site: Any) -> str:
    """The broker pod that leads the queue `fast`."""
    pod = next(iter(site.brokers()))
    asked = ("list_queues", "--silent", "--vhost", "warren", "name", "leader")
    for line in site.kubectl("exec", pod, "-c", "rabbitmq", "--", "rabbitmqctl", *asked).splitlines():
        name, _, node = line.partition("\t")
        if name == "fast":
            return str(node.partition("@")[2].partition(".")[0])
    raise AssertionError("there is no queue fast")


def test_the_leading_broker_pod_deleted(site: Any, under_load: Any) -> None:
    victim, workers = leader(site), restarts(site.pods("warren/pool"))
    under_load([(FAULT_AT, lambda: site.kubectl("delete", "pod", victim, "--wait=false"))])
    site.wait_for("statefulset/rabbitmq")
    # Losing a broker is no reason to restart a worker.
    assert restarts(site.pods("warren/pool")) == workers


def test_the_leading_broker_killed(site: Any, under_load: Any) -> None:
    victim = leader(site)
    under_load([(FAULT_AT, lambda: site.kubectl("delete", "pod", victim, "--grace-period=1", "--wait=false"))])
    site.wait_for("statefulset/rabbitmq")


def test_all_broker_pods_one_after_another(site: Any, under_load: Any) -> None:
    brokers, workers = restarts(site.brokers()), restarts(site.pods("warren/pool"))
    under_load([(FAULT_AT, lambda: site.kubectl("rollout", "restart", "statefulset/rabbitmq"))], length=75.0)
    site.wait_for("statefulset/rabbitmq")
    now = restarts(site.brokers())
    assert now.keys() == brokers.keys() and all(now[name] != brokers[name] for name in now)
    assert restarts(site.pods("warren/pool")) == workers


def test_a_hung_worker_is_restarted_by_its_probe(site: Any, say: Any) -> None:
    before = restarts(site.workers("fast"))
    hung = next(iter(before))
    site.hands("signal", "STOP", f"{site.namespace}/{hung}")
    wait_until(lambda: restarts(site.workers("fast"))[hung][1] > before[hung][1], "its restart", 180)
    site.whole("fast", 2)
    assert {name: how for name, how in restarts(site.workers("fast")).items() if name != hung} == {
        name: how for name, how in before.items() if name != hung
    }


# Uses the pod's memory up, in portions smaller than the worker's own: the kernel kills who has most.
EAT = """
import os, pathlib, time
for process in pathlib.Path("/proc").iterdir():
    try:
        if b"worker" in (process / "cmdline").read_bytes().split(b"\\0"):
            (process / "oom_score_adj").write_text("1000")
    except OSError:
        pass
for _ in range(40):
    if not os.fork():
        eaten = bytearray(os.urandom(2**20)) * 15
        time.sleep(20)
        os._exit(0)
    time.sleep(0.1)
"""


def test_a_worker_out_of_memory_loses_nothing(site: Any, tmp_path: Path, say: Any) -> None:
    victim = next(iter(site.workers("fast")))
    before = restarts(site.workers("fast"))[victim]

    def eat() -> None:
        site.hands.try_("kubectl", "-n", site.namespace, "exec", victim, "--", "python", "-c", EAT)

    outcome = Fault([(3.0, eat)]).under_load(site.where, tmp_path, drain=PATIENCE)
    say(told(outcome))
    assert_nothing_lost(outcome)
    wait_until(lambda: restarts(site.workers("fast"))[victim] != before, "its restart", 60)
    end = site.last_end(victim)
    assert end["reason"] == "OOMKilled" or end["exitCode"] == 137, end
    site.whole("fast", 2)
