"""What breaks under load loses nothing: the ledger balances by task id, and the stack works again by itself."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ..faults_command import interrupted, played, refused
from ..front_end import wait_until
from ..under_load import ENOUGH, Fault, Outcome, Step, assert_proven
from .conftest import INVENTORY

# Tasks a second and seconds: enough for `assert_proven`.
RATE, LENGTH, FAULT_AT = 200.0, 36.0, 6.0
# A host without power says no goodbye: its tasks go to others when two heartbeats were missed.
PATIENCE = 150.0
# The records of its last moments are on its disk until it is back.
DARK_FOR = 20.0
SCHEDULE = f"""
version: 1
rate: {RATE:g}
before: {FAULT_AT:g}s
after: {LENGTH - FAULT_AT:g}s
faults:
  worker-kill: {{do: worker-kill}}
  web-kill: {{do: web-kill}}
  broker-restart: {{do: broker-restart, after: 20s}}
  memory-alarm: {{do: memory-alarm, lasts: 2s, after: 20s}}
"""
TARGET = ("--target", "hosts", "--inventory", INVENTORY)
# Longer than brokers take to call a silent neighbour down: rabbitmq_net_ticktime in inventory/lab.yml, and a quarter.
CUT_FOR = 25.0


@pytest.fixture
def under_load(site: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """Plays the steps under load, prints what it came to and judges it."""

    def play(steps: list[Step], rate: float = RATE, length: float = LENGTH) -> Outcome:
        # What was broken is mended within the load, so that its end is part of it.
        length += max(at for at, _ in steps) - FAULT_AT
        outcome = Fault(steps).under_load(site.where, tmp_path, length=length, rate=rate, drain=PATIENCE)
        with capsys.disabled():
            assert_proven(outcome, lambda text: print(f"\n  {text}"))
        return outcome

    return play


def test_faults_by_the_command_lose_nothing_and_leave_nothing_behind(
    site: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, limits = {host: site.workers(host) for host in ("worker1", "worker2")}, changeable(site)
    # A stack that may have users is not broken unasked.
    assert "SIGKILL to warren-web.service on web1" in refused(*TARGET, "--only", "web-kill")

    def say(text: str) -> None:
        with capsys.disabled():
            print(f"\n  {text}")

    outcomes = played(tmp_path, SCHEDULE, *TARGET, say=say)
    assert outcomes["worker-kill"].ledger.accepted >= ENOUGH
    assert outcomes["web-kill"].ledger.accepted >= ENOUGH
    # Requests that were in the air have no answer; what became of them is told apart, not guessed.
    assert outcomes["web-kill"].ledger.unknown_fate.sent > 0
    # One worker was killed, once; losing a broker is no reason to restart one.
    now = {host: site.workers(host) for host in before}
    new = [unit for host in before for unit in before[host] if now[host].get(unit) != before[host][unit]]
    assert new == ["warren-worker@fast-0.service"]
    assert changeable(site) == limits


def test_faults_that_are_interrupted_are_put_back(site: Any, tmp_path: Path) -> None:
    for host in brokers(site):
        site.on(host, "apt-get --quiet --yes install nftables")  # it is on the disk
    before = changeable(site)

    def is_cut() -> bool:
        return any("warren_fault" in site.on(host, "nft list tables") for host in brokers(site))

    schedule = "version: 1\nrate: 50\nbefore: 1s\nafter: 1s\nfaults:\n  cut: {do: cut, lasts: 10m}\n"
    interrupted(tmp_path, schedule, *TARGET, once=is_cut)
    assert changeable(site) == before


def test_the_power_of_a_worker_host_cut(site: Any, under_load: Any) -> None:
    units = set(site.workers("worker2"))
    steps = [
        (FAULT_AT, lambda: site.do("kill", "worker2")),
        (FAULT_AT + DARK_FOR, lambda: site.do("boot", "worker2")),
    ]
    try:
        under_load(steps)
    finally:
        site.do("boot", "worker2")
    wait_until(lambda: set(site.workers("worker2")) == units, "all its workers", 120)


def test_the_power_of_the_leading_broker_cut(site: Any, under_load: Any) -> None:
    leader = site.queue_leader("fast")
    try:
        under_load([(FAULT_AT, lambda: site.do("kill", leader))])
        assert site.on("web1", "systemctl show -p NRestarts --value warren-web") == "0"
    finally:
        site.do("boot", leader)
    assert_whole(site, leader)


def test_a_broker_cut_off_for_long(site: Any, under_load: Any) -> None:
    leader = site.queue_leader("fast")
    steps = [
        (FAULT_AT, lambda: site.do("cut", leader)),
        (FAULT_AT + CUT_FOR, lambda: site.do("heal", leader)),
    ]
    try:
        outcome = under_load(steps)
    finally:
        site.do("heal", leader)
    # The others went on without it, once they had noticed.
    cut, healed = outcome.fault_began + 1, outcome.fault_began + CUT_FOR
    assert outcome.count(f"scheduled > {cut} AND finished < {healed}") > 0
    assert_whole(site, leader)


def test_the_brokers_restarted_one_by_one(site: Any, under_load: Any) -> None:
    before = {host: site.workers(host) for host in ("worker1", "worker2")}
    started = {host: site.on(host, "systemctl show -p MainPID --value rabbitmq-server") for host in brokers(site)}
    ended = []

    def restart() -> None:
        site.play("restart_rabbitmq.yml")
        ended.append(time.time())

    outcome = under_load([(FAULT_AT, restart)], rate=75.0, length=130.0)
    assert outcome.count(f"scheduled > {ended[0]}") > 0, "the restart outlasted the load"
    now = {host: site.on(host, "systemctl show -p MainPID --value rabbitmq-server") for host in brokers(site)}
    assert all(now[host] != started[host] for host in now), "not every broker was restarted"
    # Losing a broker is no reason to restart a worker.
    assert {host: site.workers(host) for host in before} == before


def test_a_hung_worker_is_restarted_and_a_lost_broker_is_no_reason_to(site: Any) -> None:
    before = site.workers("worker1")
    hung = "warren-worker@fast-0.service"
    site.on("worker1", f"kill -STOP {before[hung]}")
    # The watchdog's time, and one start.
    wait_until(lambda: site.workers("worker1").get(hung, before[hung]) != before[hung], "the watchdog", 180)
    before = {host: site.workers(host) for host in ("worker1", "worker2")}
    for host in brokers(site):
        site.on(host, "systemctl stop rabbitmq-server")
    try:
        time.sleep(60)
    finally:
        for host in brokers(site):
            site.on(host, "systemctl start --no-block rabbitmq-server")
    site.ready(180)
    assert {host: site.workers(host) for host in before} == before
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5


def changeable(site: Any) -> dict[str, str]:
    """What faults change on the hosts of brokers: the limits of the alarms, who puts them back, nft's tables."""
    wanted = '"(vm_memory_high_watermark_setting|disk_free_limit)":[^,]*'
    limits = f"rabbitmqctl -q status --formatter json | grep -oE '{wanted}'"
    rest = "systemctl list-units --all --plain --no-legend 'warren-fault*'; nft list tables 2>/dev/null || :"
    return {host: site.on(host, f"{limits}; {rest}") for host in brokers(site)}


def brokers(site: Any) -> list[str]:
    return [host for host in site.hosts if host.startswith("broker")]


def assert_whole(site: Any, returned: str) -> None:
    """The node that was away is a running member again."""
    other = next(host for host in brokers(site) if host != returned)

    def running() -> bool:
        status = site.on(other, "rabbitmqctl --silent cluster_status --formatter json", check=False)
        return f'"rabbit@{returned}"' in status.partition('"running_nodes"')[2].partition("]")[0]

    wait_until(running, f"{returned}'s return", 180)


@pytest.fixture(autouse=True)
def whole_cluster(site: Any) -> None:
    """A fault begins with all brokers running."""
    for host in brokers(site):
        assert_whole(site, host)
