"""`warren capacity` in its short form on a stack of its own, and `warren plan` on what it left."""

import json
import os
import subprocess
import sys
from pathlib import Path

from .conftest import LIMIT, ROOT

WARREN = [sys.executable, "-m", "loadtests.cli"]


def warren(tmp_path: Path, *words: str) -> tuple[int, str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "130", "STACK_FILE": str(tmp_path / "stack.yml")}
    done = subprocess.run(
        [*WARREN, *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=2 * LIMIT
    )
    return done.returncode, done.stdout + done.stderr


def test_a_file_a_bottleneck_a_balance_and_a_plan(tmp_path: Path):
    (tmp_path / "stack.yml").write_text((ROOT / "stack.yml").read_text())
    words = ["capacity", "--short", "--task", "sleep", "--args", "[0.1]", "--slo", "p50<5s", "--slo", "lost=0"]
    code, said = warren(tmp_path, *words, "--workers", "1", "--seconds", "3")
    (path,) = tmp_path.glob("results/*/capacity.json")
    found = json.loads(path.read_text())
    (arm,) = found["arms"]
    # How much this machine carries, and whether the generator kept up, is its business; that all agree is ours.
    assert code == (1 if arm["rate"] is None else 0), said
    assert arm["first"] in ("generator", "web", "broker", "worker", "results", "machine"), said
    assert f"saturates first: {arm['first']}" in said
    assert sum(point["missing"] for point in arm["points"]) == 0
    assert sum(point["accepted"] for point in arm["points"]) > 100
    assert "ledger balanced" in said
    assert (found["pool"], arm["slots"], arm["points"][0]["processes"]) == ("io", 32, 1)
    assert not list(tmp_path.glob(".warren/bench/*"))
    if found["model"]:
        assert found["model"]["service"]["value"] > 0.1
        code, said = warren(tmp_path, "plan", "--rate", "20", "--slo", "p50<5s")
        # No plan where the rest of this machine has no room for it: that is an answer too.
        assert code == 0 or (code == 1 and "more than more workers would help with" in said), said
        assert ("worker processes of pool io" in said, "breaks first" in said) == (code == 0, code == 0), said
