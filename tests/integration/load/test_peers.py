"""`python -m benchmarks.peers` in its short form with real brokers, and an interrupt."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from .conftest import LIMIT, ROOT, interrupt_once_it_sends

COMMAND = [sys.executable, "-m", "benchmarks.peers", "--short"]
HAS_VALKEY = bool(shutil.which("valkey-server") or shutil.which("redis-server"))


def environment() -> dict[str, str]:
    # A token of someone else's front end must not come in between.
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "WARREN_TOKEN": "of another"}


def test_what_the_peers_accept_they_finish(tmp_path: Path):
    """One peer on each broker, one that is awaited and one that is called from threads."""
    command = [*COMMAND, "--only", "taskiq", *(["--only", "rq-everysec"] if HAS_VALKEY else [])]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=5 * LIMIT)
    said = done.stdout + done.stderr
    (folder,) = (tmp_path / "results").iterdir()
    found = json.loads((folder / "peers.json").read_text())
    assert (done.returncode, found["left_out"]) == (0, {}), said
    assert {peer["name"] for peer in found["peers"]} == {"taskiq", *(["rq-everysec"] if HAS_VALKEY else [])}
    for peer in found["peers"]:
        assert (peer["missing"], peer["duplicated"], peer["refused"]) == (0, 0, 0)
        assert all(peer["measures"][each]["median"] > 0 for each in ("published", "drained noop", "drained sleep"))
        for task in ("noop", "sleep"):
            ledger = json.loads((folder / f"{peer['name']}-{task}-1" / "result.json").read_text())["ledger"]
            assert (ledger["accepted"] > 0, ledger["finished"]) == (True, ledger["accepted"])
    assert "| **Taskiq on aio-pika**" in (folder / "peers.md").read_text()


@pytest.mark.skipif(not HAS_VALKEY, reason="there is no redis-server or valkey-server on this machine")
def test_interrupted_it_leaves_nothing_running(tmp_path: Path):
    command = [*COMMAND, "--only", "rq-everysec", "--seconds", "30"]
    code, said, children = interrupt_once_it_sends(command, tmp_path, environment(), "results/*/*/parts/*/sends-*")
    assert (code, "interrupted" in said) == (130, True), said
    # Front end, workers, server and Locust.
    assert len(children) >= 4
    _, alive = psutil.wait_procs(children, timeout=15)
    assert alive == []
    assert not list(tmp_path.glob("results/*/peers.json"))
