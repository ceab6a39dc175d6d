"""What breaks under load loses nothing: the ledger balances by task id, and the stack works again by itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtests.kubernetes.deployment import STACK

from ..faults_command import interrupted, played, refused
from ..front_end import wait_until
from ..under_load import ENOUGH, Fault, Outcome, Step, assert_nothing_lost, assert_proven, told
from .site import restarts

# Tasks a second and seconds: enough for `assert_proven`.
RATE, LENGTH, FAULT_AT = 130.0, 45.0, 8.0
PATIENCE = 120.0
SCHEDULE = f"""
version: 1
rate: {RATE:g}
before: {FAULT_AT:g}s
after: {LENGTH - FAULT_AT:g}s
faults:
  broker-restart: {{do: broker-restart}}
  broker-kill: {{do: broker-kill}}
  worker-kill: {{do: worker-kill, after: 25s}}
  memory-alarm: {{do: memory-alarm, lasts: 2s, after: 20s}}
"""


@pytest.fixture
def under_load(site: Any, tmp_path: Path, say: Any) -> Callable[..., Outcome]:
    """Plays the steps under load, prints what it came to and judges it."""

    def play(steps: list[Step], length: float = LENGTH) -> Outcome:
        rate = RATE * LENGTH / length
        outcome = Fault(steps).under_load(site.where, tmp_path, length=length, rate=rate, drain=PATIENCE)
        assert_proven(outcome, say)
        return outcome

    return play


def test_faults_by_the_command_lose_nothing_and_leave_nothing_behind(site: Any, tmp_path: Path, say: Any) -> None:
    workers, brokers, before = restarts(site.pods("warren/pool")), restarts(site.brokers()), changeable(site)
    # A stack that may have users is not broken unasked.
    assert "SIGKILL to one pod of the front end" in refused(*target(site), "--only", "web-kill")
    outcomes = played(tmp_path, SCHEDULE, *target(site), say=say)
    for name in ("broker-restart", "broker-kill"):
        assert outcomes[name].ledger.accepted >= ENOUGH
    site.wait_for("statefulset/rabbitmq")
    assert restarts(site.brokers()) != brokers
    # One worker was killed, once, and went on in its pod; losing a broker is no reason to restart one.
    now = restarts(site.pods("warren/pool"))
    (killed,) = (name for name in workers if now.get(name) != workers[name])
    assert now[killed] == (workers[killed][0], workers[killed][1] + 1)
    assert changeable(site) == before


def test_faults_that_are_interrupted_are_put_back(site: Any, tmp_path: Path) -> None:
    before = changeable(site)
    schedule = "version: 1\nrate: 50\nbefore: 1s\nafter: 1s\nfaults:\n  gone: {do: results-down, lasts: 10m}\n"
    interrupted(tmp_path, schedule, *target(site), once=lambda: changeable(site) != before)
    assert changeable(site) == before
    site.wait_for("statefulset/results")


def target(site: Any) -> tuple[str, ...]:
    return ("--target", "kubernetes", "--namespace", site.namespace, "--url", site.url)


def changeable(site: Any) -> dict[str, Any]:
    """What faults change: the brokers' limits, and how many pods there shall be of what no autoscaler looks after."""
    asked = ("-c", "rabbitmq", "--", "rabbitmqctl", "-q", "status", "--formatter", "json")
    said = {name: json.loads(site.kubectl("exec", name, *asked)) for name in site.brokers()}
    limits = {name: (each["vm_memory_high_watermark_setting"], each["disk_free_limit"]) for name, each in said.items()}
    return limits | {each["metadata"]["name"]: each["spec"]["replicas"] for each in site.kubectl.items("sts", STACK)}


def test_all_broker_pods_one_after_another(site: Any, under_load: Any) -> None:
    brokers, workers = restarts(site.brokers()), restarts(site.pods("warren/pool"))
    under_load([(FAULT_AT, lambda: site.kubectl("rollout", "restart", "statefulset/rabbitmq"))], length=75.0)
    site.wait_for("statefulset/rabbitmq")
    now = restarts(site.brokers())
    assert now.keys() == brokers.keys() and all(now[name] != brokers[name] for name in now)
    site.assert_not_restarted("warren/pool", workers)


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
