"""`pulumi up` makes the stack, leaves alone what is as it should be, repairs what others changed, and takes it away."""

import subprocess
import sys
from typing import Any

import pytest

from ..cluster.state import ROOT
from ..front_end import wait_until
from .site import Counts, everything


def test_up_does_what_the_preview_said(runs: Any) -> None:
    assert runs.preview["create"] > 70
    assert runs.first["create"] == runs.preview["create"]


def test_a_second_up_changes_nothing(runs: Any) -> None:
    assert runs.second["unchanged"] == runs.first["create"], runs.second.said[-3000:]
    assert runs.second["update"] == runs.second["create"] == runs.second["replace"] == 0


def test_the_acceptance_suite(site: Any, say: Any) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "tests/acceptance", "--target", "kubernetes", "--namespace"]
    done = subprocess.run(
        [*command, site.namespace, "--url", site.url], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    say(done.stdout.strip().splitlines()[-1])


def test_what_others_changed_is_found_and_put_right(site: Any) -> None:
    site.kubectl("scale", "deployment/worker-long", "--replicas=1")
    site.kubectl("delete", "networkpolicy", "default-deny")
    found = Counts(site.stack.run("refresh", "--yes"))
    assert (found["update"], found["delete"]) == (1, 1), found.said[-3000:]
    site.up()
    assert len(site.whole("long", 2)) == 2
    assert site.kubectl("get", "networkpolicy", "default-deny", "--output=name").strip()
    site.stack.run("preview", "--expect-no-changes")


def test_nothing_secret_is_readable_in_the_state(site: Any) -> None:
    state = (site.stack.folder / f"state/.pulumi/stacks/warren/{site.stack.name}.json").read_text()
    assert site.token not in state
    assert "BEGIN EC PRIVATE KEY" not in state and "BEGIN PRIVATE KEY" not in state


@pytest.mark.last
def test_destroy_leaves_the_cluster_as_it_was(site: Any, deployed: Any) -> None:
    before = deployed[1].empty
    site.stack.run("destroy", "--yes")

    def left() -> bool:
        return everything(site) <= before

    wait_until(left, f"the end of {sorted(everything(site) - before)[:5]}", 60)
    assert before <= everything(site)
