"""Deploying, growing and shrinking under a running task; and a bad release that stops at the first host."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..long_task import LongTask, assert_done_once
from .conftest import ROOT


@pytest.fixture
def release(tmp_path: Path) -> Callable[[str, str], str]:
    """Another release: the project with one module changed. Gives the option for ansible-playbook."""

    def make(name: str, last_lines: str) -> str:
        project = tmp_path / name
        (project / "app").parent.mkdir()
        for part in ("pyproject.toml", "README.md", "requirements.txt", "app", "loadtests"):
            (project / part).symlink_to(ROOT / part)
        (project / "app").unlink()
        copy_tree(ROOT / "app", project / "app")
        with (project / "app" / "worker" / "start.py").open("a") as module:
            module.write(f"\n{last_lines}\n")
        return f"release_project={project}"

    return make


def copy_tree(source: Path, target: Path) -> None:
    for path in sorted(source.rglob("*")):
        if "__pycache__" in path.parts or path.is_dir():
            continue
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())


def long_tasks(site: Any) -> list[LongTask]:
    """As many as keep every process of the pool busy."""
    front = site.front()
    count = sum(1 for host in ("worker1", "worker2") for unit in site.workers(host) if "@long-" in unit)
    return [LongTask(front) for _ in range(count)]


def test_running_tasks_survive_a_restart(site: Any) -> None:
    tasks = long_tasks(site)
    for host in ("worker1", "worker2"):
        site.on(host, "systemctl restart 'warren-worker@*'")
    for task in tasks:
        assert_done_once(task.ends())


def test_running_tasks_survive_a_deploy_which_restarts_every_worker(site: Any, release: Any) -> None:
    before = {host: site.workers(host) for host in ("worker1", "worker2")}
    tasks = long_tasks(site)
    site.play("deploy.yml", "-e", release("other", "# another release"))
    for task in tasks:
        assert_done_once(task.ends())
    for host, units in before.items():
        now = site.workers(host)
        assert set(now) == set(units)
        assert not set(now.values()) & set(units.values()), "not every worker runs the new release"
    assert site.on("worker1", "readlink /opt/warren/current") != site.on("worker1", "readlink /opt/warren/previous")


def test_going_back_is_one_variable(site: Any) -> None:
    current = site.on("worker1", "readlink /opt/warren/current")
    site.play("deploy.yml", "-e", "release_name=previous")
    assert site.on("worker1", "readlink /opt/warren/current") != current
    site.ready()


def test_a_bad_release_stops_at_the_first_host_and_the_others_serve(site: Any, release: Any) -> None:
    before = {host: site.workers(host) for host in ("worker1", "worker2")}
    current = {host: site.on(host, "readlink /opt/warren/current") for host in ("worker1", "worker2", "web1")}
    play = site.play("deploy.yml", "-e", release("bad", "raise RuntimeError('a bad release')"), check=False)
    assert play.code != 0
    assert "a bad release" in play.said  # what went wrong there is shown
    assert sum(counts["failed"] + counts.get("rescued", 0) > 0 for counts in play.recap.values()) == 1
    # The host that tried is back at what it ran; the others were not touched.
    assert {host: site.on(host, "readlink /opt/warren/current") for host in current} == current
    after = {host: site.workers(host) for host in before}
    assert {host: set(units) for host, units in after.items()} == {host: set(units) for host, units in before.items()}
    assert sum(after[host] != before[host] for host in before) <= 1
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5


@pytest.fixture
def grown(site: Any) -> Iterator[str]:
    """One process of the pool `long` more on each host; back to what the contract says at the end."""
    more = '{"stack_overrides": {"broker": {"nodes": 3, "replicas": 3}, "pools": {"long": {"processes": 3}}}}'
    site.play("site.yml", "-e", more, "--limit", "workers")
    yield more
    site.play("site.yml", "--limit", "workers")


def test_a_pool_grows_and_shrinks_under_running_tasks(site: Any, grown: str) -> None:
    assert "warren-worker@long-2.service" in site.workers("worker1")
    tasks = long_tasks(site)
    assert len(tasks) == 6
    shrinking = threading.Thread(target=site.play, args=("site.yml", "--limit", "workers"))
    shrinking.start()
    for task in tasks:
        assert_done_once(task.ends())
    shrinking.join()
    assert "warren-worker@long-2.service" not in site.workers("worker1")
    assert site.on("worker1", "systemctl is-enabled warren-worker@long-2", check=False) != "enabled"
