"""site.yml turns fresh hosts into the stack, says truly what it would do, and leaves alone what is as it should be."""

import subprocess
import sys
from typing import Any

import pytest

from .conftest import ROOT


@pytest.fixture(autouse=True)
def fresh(runs: Any) -> None:
    if runs is None:
        pytest.skip("these hosts were not fresh: --as-it-is")


def test_check_mode_on_fresh_hosts_ends_well_and_does_nothing(runs: Any) -> None:
    runs.dry.assert_well()
    assert runs.dry.total("changed") > 0  # it says what it would do
    assert runs.first.total("changed") >= runs.dry.total("changed")  # and had not done it


def test_fresh_hosts_become_the_stack(runs: Any, site: Any) -> None:
    runs.first.assert_well()
    front = site.front()
    assert front.get("/longtime_add?x=2&y=3").json() == 5


def test_a_second_run_changes_nothing(runs: Any) -> None:
    assert runs.second.assert_well().total("changed") == 0, runs.second.said[-6000:]


def test_check_mode_on_finished_hosts_finds_nothing_to_do(runs: Any) -> None:
    assert runs.dry_again.assert_well().total("changed") == 0, runs.dry_again.said[-6000:]


def test_the_hosts_are_as_their_checks_want_them(site: Any) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "tests/hosts", "--ansible-inventory", "inventory/lab.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
