"""What a machine lacks is said before anything is made."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from ..front_end import wait_until
from . import cgroup, checks, image
from .checks import check_machine
from .errors import LabError
from .inventory import read


def test_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="sudo make lab-up"):
        check_machine()


def test_missing_programs_are_named_with_the_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    which: Any = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("nft", "socat") else which(name))
    with pytest.raises(LabError, match=r"nft, socat; run: scripts/system-packages lab"):
        check_machine()


def test_too_many_hosts_are_refused_before_one_hangs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "limit").write_text("0\n")
    monkeypatch.setattr(checks, "INOTIFY_LIMIT", tmp_path / "limit")
    with pytest.raises(LabError, match=r"of 0 inotify instances, and 7 hosts need 42; take another lab down"):
        checks.check_room(7)


def test_a_suite_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LabError, match="choose one of trixie, bookworm"):
        image.ensure("potato", print)
    assert not list(tmp_path.iterdir())


def test_an_image_is_kept_by_what_it_is_made_of(monkeypatch: pytest.MonkeyPatch) -> None:
    before = image.image_of("trixie")
    assert before == image.image_of("trixie") != image.image_of("bookworm")
    monkeypatch.setattr(image, "CARRIED", (*image.CARRIED, "sl"))
    assert image.image_of("trixie") != before


def test_an_inventory_without_hosts(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("[web]\n")
    with pytest.raises(LabError, match="names no host"):
        read(tmp_path / "hosts.ini")


def test_hosts_come_in_the_order_of_the_inventory(root: Path) -> None:
    hosts, web = read(root / "inventory/lab.yml")
    assert list(hosts) == ["broker1", "broker2", "broker3", "worker1", "worker2", "web1"]
    assert web == "web1"


def test_a_cgroup_with_a_process_that_was_forgotten_is_ended(tmp_path: Path) -> None:
    import subprocess

    name = f"warren-lab-test-{os.getpid()}"
    started = subprocess.Popen([*cgroup.wrapper(name), "sleep", "600"])
    assert started.poll() is None
    # It moves there itself, and then becomes `sleep`.
    wait_until(lambda: cgroup.of(started.pid).name.startswith(name), "the process in its cgroup")
    cgroup.end(cgroup.of(started.pid))
    assert started.wait(timeout=10) != 0
    assert cgroup.leftovers(name) == []
