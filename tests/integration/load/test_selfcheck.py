"""`warren selfcheck` in its short form: its verdicts, what must be so on any machine, and an interrupt."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from loadtests.selfcheck import instruments
from loadtests.selfcheck.document import SelfCheck
from loadtests.selfcheck.ground import NotDone

from .conftest import LIMIT, ROOT, interrupt_once_it_sends

SELFCHECK = [sys.executable, "-m", "loadtests.cli", "selfcheck", "--short", "--stack", str(ROOT / "stack.yml")]


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "130"}


def selfcheck(tmp_path: Path, *words: str) -> tuple[SelfCheck, str]:
    done = subprocess.run(
        [*SELFCHECK, *words], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=3 * LIMIT
    )
    said = done.stdout + done.stderr
    (path,) = tmp_path.glob("results/*/selfcheck.json")
    found = SelfCheck.model_validate_json(path.read_text())
    # A machine that is busy can keep a check from being told; it cannot make it fail.
    assert (done.returncode, found.names("failed")) == (0, []), said
    return found, said


def test_what_needs_nothing_but_this_machine(tmp_path: Path):
    names = ["statistics", "stall", "saturated", "http"]
    found, said = selfcheck(tmp_path, *(word for name in names for word in ("--only", name)))
    assert [check.name for check in found.checks] == names
    assert "statistics" in found.names("passed")
    page = (tmp_path / "results" / found.run / "selfcheck.html").read_text()
    for check in found.checks:
        assert f'<section id="{check.name}"' in page
        assert check.name in said
        if check.verdict != "passed":
            assert f"{check.verdict.upper()}: {check.name}: {check.why}" in said
        assert all(row.ok for row in check.rows if not row.by_clock), said


def test_the_same_messages_counted_by_perftest_and_by_us(tmp_path: Path):
    try:
        instruments.perf_test(None)
    except NotDone as missing:
        pytest.skip(str(missing))
    found, said = selfcheck(tmp_path, "--only", "broker")
    (check,) = found.checks
    counts = [row.ok for row in check.rows if row.what.endswith("count")]
    assert counts == ([] if check.verdict == "not told" and not check.rows else [True, True]), said
    # The broker's URL holds a password; kombu's log has two stars in its place.
    kept = [path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file()]
    assert not [
        found for text in [said, *kept] for found in re.findall(r"amqp://[^:@/]*:([^@]*)@", text) if found != "**"
    ]


def test_interrupted_it_leaves_nothing_running(tmp_path: Path):
    sends = "results/*/stall/stalled/parts/*/sends-*"
    code, said, children = interrupt_once_it_sends([*SELFCHECK, "--only", "stall"], tmp_path, environment(), sends)
    assert (code, "interrupted; stopped what was started" in said) == (130, True), said
    assert children
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--only", "nothing"], "'nothing' is not one of 'statistics'"),
        (["--stack", "nowhere.yml"], "nowhere.yml"),
    ],
)
def test_bad_input_is_refused_before_anything_is_done(tmp_path: Path, words: list[str], complaint: str):
    done = subprocess.run(
        [*SELFCHECK, *words], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.returncode, complaint in done.stdout + done.stderr) == (2, True), done.stdout + done.stderr
    assert not list(tmp_path.glob("results/*"))


def test_an_instrument_that_is_missing_is_said_and_fails_when_all_is_needed(tmp_path: Path):
    words = ["--only", "http", "--vegeta", str(tmp_path / "nothing"), "--need-all"]
    done = subprocess.run(
        [*SELFCHECK, *words], cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=LIMIT
    )
    said = done.stdout + done.stderr
    assert (done.returncode, "NOT DONE: http: --vegeta" in said) == (1, True), said
