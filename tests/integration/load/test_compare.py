"""`warren compare` in its shortest form against a real stack, `warren gate` on what it left, and an interrupt."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from loadtests.local.stack import LocalStack

from .conftest import LIMIT, ROOT, TOKEN, interrupt_once_it_sends

WARREN = [sys.executable, "-m", "loadtests.cli"]
SHORTEST = ["--repeats", "4", "--seconds", "2", "--users", "8"]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120", "WARREN_TOKEN": TOKEN}


def warren(tmp_path: Path, *words: object) -> tuple[int, str]:
    command = [*WARREN, *map(str, words)]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=2 * LIMIT)
    return done.returncode, done.stdout + done.stderr


def test_a_stack_compared_with_itself_and_a_gate_on_one_of_the_runs(stack: LocalStack, tmp_path: Path):
    code, said = warren(tmp_path, "compare", stack.url, stack.url, *SHORTEST)
    (folder,) = (tmp_path / "results").iterdir()
    found = json.loads((folder / "comparison.json").read_text())
    assert [len(found["runs"][side]) for side in ("A", "B")] == [4, 4]
    assert sum(run["missing"] for side in found["runs"].values() for run in side) == 0
    assert TOKEN not in said + (folder / "comparison.json").read_text() + (folder / "manifest.json").read_text()
    # Whether the generator kept up, and what chance did, is the machine's business; that all agree is ours.
    if not found["valid"]:
        assert (code, found["differences"], "INVALID" in said) == (4, [], True), said
        return
    (difference,) = found["differences"]
    assert code == (1 if difference["worse"] else 0), said
    assert ("no difference seen at 4 runs a side" in said) == (not difference["different"])
    assert difference["a"]["low"] <= difference["a"]["median"] <= difference["a"]["high"]
    assert min(difference["a"]["values"]) > 0

    run = folder / found["runs"]["A"][0]["name"]
    code, said = warren(tmp_path, "gate", run, "--slo", "lost=0", "--slo", "p50<60m", "--junit", "gate.xml")
    assert (code, "met          lost=0" in said) == (0, True), said
    assert "p50&lt;60m" in (tmp_path / "gate.xml").read_text()
    code, said = warren(tmp_path, "gate", run, "--slo", "p50<1us")
    assert (code, "not met      p50<1us" in said) == (1, True), said
    code, said = warren(tmp_path, "gate", run, "--against", run)
    assert (code, "p50 not worse by more than 10%" in said) == (0, True), said


def test_interrupted_it_leaves_nothing_running(stack: LocalStack, tmp_path: Path):
    command = [*WARREN, "compare", str(ROOT / "stack.yml"), stack.url, "--seconds", "30"]
    code, said, children = interrupt_once_it_sends(command, tmp_path, environment(), "results/*/*/parts/*/sends-*")
    assert (code, "interrupted" in said) == (130, True), said
    assert children
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert not list(tmp_path.glob(".warren/bench/*"))
    assert not list(tmp_path.glob("results/*/comparison.json"))
