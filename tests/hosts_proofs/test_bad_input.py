"""What cannot work is refused before anything was changed; what was interrupted is healed by running again."""

import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from .conftest import ROOT


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-e", '{"stack_overrides": {"broker": {"nodes": 3, "replicas": 2}}}'), ["replicas", "odd"]),
        (("-e", '{"stack_overrides": {"broker": {"nodes": 5, "replicas": 3}}}'), ["brokers", "nodes"]),
        (
            ("-e", '{"stack_overrides": {"broker": {"nodes": 3, "replicas": 3}, "stop": {"timeout": "10s"}}}'),
            ["stop", "timeout"],
        ),
        (("-e", "secret_web_token="), ["secret_web_token"]),
    ],
    ids=["even replicas", "other number of nodes", "contract that cannot work", "missing secret"],
)
def test_refused_with_a_cure_before_any_host_is_touched(site: Any, options: Any, words: list[str]) -> None:
    play = site.play("site.yml", *options, check=False)
    assert play.code != 0
    assert play.total("changed") == 0
    assert all(word in play.said for word in words), play.said[-3000:]
    assert "Traceback" not in play.said


def inventory(tmp_path: Path, change: Any) -> Path:
    """The lab's inventory beside its own, with some groups changed. Secrets and variables are the lab's."""
    import yaml

    data = yaml.safe_load((ROOT / "inventory/lab.yml").read_text())
    change(data["all"]["children"])
    file = ROOT / "inventory" / f"test-{tmp_path.name}.yml"
    file.write_text(yaml.safe_dump(data))
    return file


@pytest.mark.parametrize("wrong", ["two beats", "even cluster"])
def test_an_inventory_that_cannot_work(site: Any, tmp_path: Path, wrong: str) -> None:
    def change(groups: Any) -> None:
        if wrong == "two beats":
            groups["beat"]["hosts"]["worker1"] = None
        else:
            del groups["brokers"]["hosts"]["broker3"]

    file = inventory(tmp_path, change)
    try:
        command = [each if each != "inventory/lab.yml" else str(file) for each in site.command("site.yml")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    finally:
        file.unlink()
    assert done.returncode != 0
    assert ("beat" if wrong == "two beats" else "odd") in done.stdout
    assert "changed=1" not in done.stdout


def test_an_unreachable_host_is_named_and_a_later_run_heals(site: Any) -> None:
    site.on("worker2", "rm /etc/warren/stack.yml")
    site.do("kill", "worker2")
    try:
        play = site.play("site.yml", check=False)
        assert play.code != 0
        assert play.recap["worker2"]["unreachable"] == 1
    finally:
        site.do("boot", "worker2")
    site.play("site.yml")
    assert site.on("worker2", "test -s /etc/warren/stack.yml && echo there") == "there"
    assert site.play("site.yml").total("changed") == 0


def test_a_full_disk_is_noticed_before_anything_is_installed(site: Any) -> None:
    workers = site.workers("worker1")
    site.on("worker1", "mount -t tmpfs -o size=20M full /opt/warren")
    try:
        play = site.play("site.yml", check=False)
        assert play.code != 0
        assert "free" in play.said and "Make room" in play.said
        assert site.on("worker1", "ls /opt/warren") == ""
    finally:
        site.on("worker1", "umount /opt/warren")
    assert site.workers("worker1") == workers
    assert site.play("site.yml").total("changed") == 0


@pytest.mark.parametrize("after", [10.0])
def test_an_interrupted_run_is_healed_by_the_next(site: Any, after: float) -> None:
    for host in ("worker1", "worker2"):
        site.on(host, "rm -rf /etc/warren/worker.env /etc/systemd/system/warren-beat.service")
    running = subprocess.Popen(
        site.command("site.yml"),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(after)
    running.send_signal(signal.SIGINT)
    assert running.wait(120) != 0
    site.play("site.yml")
    assert site.play("site.yml").total("changed") == 0
    site.ready()
