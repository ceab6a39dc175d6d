"""The lab's hosts are servers: they boot, lose their power, their disk, their network, and come back."""

import signal
import time
from typing import Any

import requests

from ..front_end import wait_until
from .conftest import HOSTS


def test_hosts_run_a_real_systemd_and_are_reached_by_ssh(lab: Any) -> None:
    for host in HOSTS:
        assert lab.on(host, "hostname; ps -o comm= 1; systemctl is-system-running").split() == [
            host,
            "systemd",
            "running",
        ]


def test_hosts_know_and_reach_each_other_and_the_world_has_a_name_server(lab: Any) -> None:
    assert "0% packet loss" in lab.on("one", "ping -c1 two")
    assert "nameserver" in lab.on("one", "cat /etc/resolv.conf")


def test_up_again_leaves_running_hosts_alone(lab: Any) -> None:
    before = lab.on("one", "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestamp")
    assert "3 hosts of trixie are up" in lab.up()
    assert lab.on("one", "cat /proc/sys/kernel/random/boot_id; systemctl show -p UserspaceTimestamp") == before


def test_up_boots_what_is_off(lab: Any) -> None:
    lab("kill", "one")
    assert "one has booted" in lab.up()


def test_only_the_web_hosts_port_is_published(lab: Any) -> None:
    lab.on("front", "systemd-run -q --unit=page python3 -m http.server -d /etc 8080")
    try:
        url = (lab.folder / "url").read_text().strip()
        wait_until(lambda: answers(f"{url}/hostname"), "the page")
        assert requests.get(f"{url}/hostname", timeout=10).text == "front\n"
    finally:
        lab.on("front", "systemctl stop page")


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).ok
    except requests.ConnectionError:
        return False


def test_what_the_roles_install_is_there_and_nothing_else(lab: Any) -> None:
    wanted = "rabbitmq-server postgresql python3-venv"
    to_download = lab.on("one", f"apt-get install --print-uris -qq {wanted} | grep -v '^$' || true")
    assert to_download == ""
    installed = lab.on("one", f"dpkg-query --show --showformat='${{db:Status-Abbrev}}\\n' {wanted} 2>/dev/null || true")
    assert "ii" not in installed


def test_a_power_cut_says_no_goodbye_and_keeps_the_disk(lab: Any) -> None:
    lab.on("one", "echo kept >/root/note && sync")
    lab.on("one", "systemd-run -q --unit=listen python3 -m http.server 9000")
    time.sleep(0.5)
    # A connection from a neighbour that stays open.
    lab.on("two", "systemd-run -q --unit=client bash -c 'exec 3<>/dev/tcp/one/9000; sleep 600'")
    established = "ss -Hnt state established '( dport = :9000 )'"
    wait_until(lambda: lab.on("two", established), "the connection")
    lab("kill", "one")
    assert "one          10.88.0.11   off" in lab("status")
    assert lab.on("two", established), "the neighbour was told"
    lab("boot", "one")
    assert lab.on("one", "cat /root/note") == "kept"
    lab.on("two", "systemctl stop client")


def test_a_clean_shutdown_ends_services_in_order(lab: Any) -> None:
    lab.on(
        "one",
        "systemd-run -q --unit=last -p ExecStop='/bin/sh -c \"echo said goodbye >/root/last\"' sleep 600",
    )
    lab("stop", "one")
    lab("boot", "one")
    assert lab.on("one", "cat /root/last") == "said goodbye"


def test_a_fresh_host_has_an_empty_disk_and_the_same_address(lab: Any) -> None:
    lab.on("two", "touch /root/gone")
    lab("fresh", "two")
    assert lab.on("two", "ls /root; hostname -I").split() == ["10.88.0.12"]


def test_a_host_that_is_cut_off_goes_on_alone(lab: Any) -> None:
    before = lab.on("one", "cat /proc/sys/kernel/random/boot_id")
    lab("cut", "one")
    try:
        assert "cut off" in lab("status")
        assert "100% packet loss" in lab.on("two", "ping -c1 -W1 one || true")
    finally:
        lab("heal", "one")
    wait_until(lambda: "1 received" in lab.on("two", "ping -c1 -W1 one || true"), "the network")
    assert lab.on("one", "cat /proc/sys/kernel/random/boot_id") == before


def test_a_slow_host_is_slow_or_the_reason_is_told(lab: Any) -> None:
    for options, kind in ((["--rate", "10mbit"], "tbf"), (["--delay", "20ms"], "netem")):
        code, said = lab.try_("slow", "one", *options)
        if code:
            assert "this kernel does not offer it" in said
            kind = "noqueue"
        assert kind in lab.on("one", "tc qdisc show dev eth0")
        lab("heal", "one")
        assert "noqueue" in lab.on("one", "tc qdisc show dev eth0")


def test_an_unknown_host_is_named_with_those_there_are(lab: Any) -> None:
    code, said = lab.try_("kill", "three")
    assert code and "no such host: three; there are one, two, front" in said


def test_another_suite_is_refused_while_a_lab_is_up(lab: Any) -> None:
    code, said = lab.try_("up", "--suite", "bookworm", "--inventory", str(lab.inventory))
    assert code and "make lab-down" in said
    assert "up" in lab("status")


def test_down_leaves_nothing_and_may_be_said_twice(no_lab: Any) -> None:
    no_lab.up()
    for _ in range(2):
        assert "is left" in no_lab("down")
        assert not no_lab.folder.exists()
    code, said = no_lab.try_("status")
    assert code and "make lab-up" in said


def test_what_a_killed_up_left_is_taken_away_by_the_next_down(no_lab: Any) -> None:
    process = no_lab.start("up", "--inventory", str(no_lab.inventory))
    wait_until((no_lab.folder / "hosts").exists, "the first disk")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert "no process" in no_lab("down")
    assert not no_lab.folder.exists()


def test_an_interrupted_up_takes_away_what_it_made(no_lab: Any) -> None:
    process = no_lab.start("up", "--inventory", str(no_lab.inventory))
    wait_until((no_lab.folder / "hosts").exists, "the first disk")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert not (no_lab.folder / "hosts").exists()
    assert "is left" in no_lab("down")
