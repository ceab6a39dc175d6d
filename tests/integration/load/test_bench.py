"""`warren bench` against a real stack: what it leaves, and what it leaves when it is interrupted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import psutil

from loadtests.analysis.result import SCHEMA
from loadtests.local.stack import LocalStack

from .conftest import LIMIT, ROOT, TOKEN, interrupt_once_it_sends

BENCH = [sys.executable, "-m", "loadtests.cli", "bench", "--no-open", "--stack", str(ROOT / "stack.yml")]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "120"}


def bench(tmp_path: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [*BENCH, *options], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=2 * LIMIT
    )
    return done.returncode, done.stdout + done.stderr


def only_run(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "results").iterdir()
    return folder


def test_by_url_it_measures_accounts_and_reports(stack: LocalStack, tmp_path: Path):
    code, said = bench(tmp_path, "--url", stack.url, "--token", TOKEN, "--rate", "60", "--seconds", "4")
    folder = only_run(tmp_path)
    result = json.loads((folder / "result.json").read_text())
    jsonschema.validate(result, json.loads(SCHEMA.read_text()))
    # Whether the generator kept up is the machine's business; that its verdict and the exit code agree is ours.
    assert code == (0 if result["valid"] else 1), said
    assert (result["ledger"]["balanced"], result["ledger"]["missing"]) == (True, 0)
    assert result["latency"]["scheduled_to_finished"]["count"] > 100
    assert {"report.html", "records.parquet", "manifest.json", "result.json"} <= {
        each.name for each in folder.iterdir()
    }
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["stack"]["url"] == stack.url
    # Front end and workers are on this machine, and their records must not say otherwise.
    assert len(result["clocks"]) == 2
    for clock in result["clocks"]:
        assert (clock["how"], clock["same"]) == ("records", True)
        assert all(abs(clock[when]["offset"]) <= clock[when]["bound"] for when in ("before", "after"))
    assert TOKEN not in (folder / "manifest.json").read_text() + (folder / "report.html").read_text()
    assert "accepted" in said


def test_interrupted_it_keeps_what_it_has_and_leaves_nothing_running(tmp_path: Path):
    sends = "results/*/parts/*/sends-*"
    code, said, children = interrupt_once_it_sends([*BENCH, "--short"], tmp_path, environment(), sends)
    assert code == 130, said
    assert "interrupted" in said
    result = json.loads((only_run(tmp_path) / "result.json").read_text())
    assert (result["valid"], result["reasons"]) == (False, ["interrupted"])
    assert (result["throughput"]["rate"], result["ledger"]["sent"] > 0) == (None, True)
    assert (only_run(tmp_path) / "report.html").exists()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    assert not list(tmp_path.glob(".warren/bench/*"))


def test_bad_input_is_said_with_exit_code_2_and_leaves_no_results(tmp_path: Path):
    for options, complaint in (
        (["--rate", "-5"], "-5.0 is not in the range"),
        (["--url", "ftp://x"], "is no URL of a front end"),
        (["--url", "http://127.0.0.1:1"], "does not answer"),
        (["--scenario", "nope"], "'nope' is not one of"),
        (["--task", "x", "--args", "{"], "is not JSON"),
        (["--broker", "amqp://x"], "--broker needs --task and --queue"),
        (["--url", "http://x", "--baseline", "tutorial"], "leave out --url"),
        (["--target", "hosts", "--url", "http://x"], "takes the front end from the inventory"),
        (["--target", "hosts", "--inventory", "nowhere.yml"], "there is no such inventory"),
        (["--target", "hosts", "--baseline", "tutorial"], "two stacks on this machine"),
        (["--inventory", "inventory/lab.yml"], "goes with --target hosts"),
        (["--stack", "nowhere.yml"], "nowhere.yml"),
    ):
        code, said = bench(tmp_path, *options)
        assert (code, complaint in said) == (2, True), said
    assert not (tmp_path / "results").exists()
