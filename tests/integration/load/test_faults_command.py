"""`warren faults` on a real local stack: the faults come, nothing is lost, and the report names them."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from loadtests.faults.document import Faults

from .conftest import LIMIT, ROOT, interrupt_once_it_sends

FAULTS = [sys.executable, "-m", "loadtests.cli", "faults", "--stack", str(ROOT / "stack.yml"), "--short"]
# Each task takes long enough that the worker has some in hand when it dies; blocked publishers are refused.
SCHEDULE = """
version: 1
rate: 60
before: 8s
after: 15s
faults:
  one-dies: {do: worker-kill, task: sleep, args: [0.3]}
  no-memory: {do: memory-alarm, lasts: 30s}
"""


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def only_run(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "results").iterdir()
    return folder


def test_two_faults_come_and_nothing_is_lost(tmp_path: Path):
    (tmp_path / "two.yml").write_text(SCHEDULE)
    done = subprocess.run(
        [*FAULTS, "two.yml"], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=2 * LIMIT
    )
    said = done.stdout + done.stderr
    folder = only_run(tmp_path)
    found = Faults.model_validate_json((folder / "faults.json").read_text())
    # Whether the generator kept up is the machine's business; that its verdict and the exit code agree is ours.
    assert done.returncode == (0 if found.valid else 1), said
    died, blocked = found.faults
    assert [(each.name, each.ledger.balanced, each.ledger.missing) for each in found.faults] == [
        ("one-dies", True, 0),
        ("no-memory", True, 0),
    ], said
    # They came, and were seen: a dead worker's tasks were handed out again, blocked publishers turned away.
    assert died.ledger.redelivered > 0
    assert "handed out again" in died.twice.why
    assert blocked.ledger.refused + blocked.ledger.unknown_fate.sent > 0
    for each in found.faults:
        assert each.started and each.began and each.ended
        assert each.started + 4 <= each.began < each.ended
        assert each.ledger.accepted > 150
    page = (folder / "faults.html").read_text()
    for name in ("one-dies", "no-memory"):
        assert f'<section id="{name}"' in page
        assert f'"{name}-rates":{{' in page
        assert name in said
    assert not list(tmp_path.glob(".warren/bench/*"))


def test_interrupted_it_leaves_nothing_running(tmp_path: Path):
    (tmp_path / "two.yml").write_text(SCHEDULE)
    sends = "results/*/*/parts/*/sends-*"
    code, said, children = interrupt_once_it_sends([*FAULTS, "two.yml"], tmp_path, environment(), sends)
    assert code == 130, said
    assert "interrupted; stopped Locust and the stack" in said
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert not list(tmp_path.glob(".warren/bench/*"))
