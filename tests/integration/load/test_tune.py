"""`warren tune` in its short form on a real stack: candidates are told or not, a loss is shown, nothing is left."""

import os
import subprocess
import sys
from pathlib import Path

from loadtests.bench.locust_run import Load
from loadtests.bench.target import Target
from loadtests.local.stack import LocalStack
from loadtests.tune.candidate import Candidate
from loadtests.tune.document import Measured, Tune
from loadtests.tune.measure import Meter

from .conftest import LIMIT, ROOT, TOKEN

# Loads can be long on a machine that is busy; the command has a bound of its own.
PATIENCE = 4 * LIMIT
TUNE = [sys.executable, "-m", "loadtests.cli", "tune", "--short", "--axis", "kind=solo,threads"]


def test_two_candidates_and_a_loss_that_is_proven(tmp_path: Path):
    (tmp_path / "stack.yml").write_text((ROOT / "stack.yml").read_text())
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "130"}
    # What our own environment says must not reach the safe candidates.
    environment |= {"STACK_FILE": str(tmp_path / "stack.yml"), "WARREN_UNSAFE": "early-ack"}
    words = [*TUNE, "--markdown", "tuning.md"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    said = done.stdout + done.stderr
    (path,) = tmp_path.glob("results/*/tune.json")
    found = Tune.model_validate_json(path.read_text())
    (walk,) = found.walks
    # How fast it is here, and whether the generator kept up, is the machine's business; that all agree is ours.
    assert done.returncode == (0 if walk.best else 1), said
    assert [each.candidate == walk.present for each in walk.measured] == [True, False], said
    assert not any(each.corners or each.missing for each in walk.measured)
    for each in walk.measured:
        assert (each.throughput is None) == bool(each.reasons), said
        assert each.throughput is None or each.memory is None or each.memory > 30
    # Two runs of each can tell nothing apart, so nothing is changed.
    assert walk.best in (None, walk.present)
    assert "stack.yml stays as it is" in said
    assert (tmp_path / "stack.yml").read_text() == (ROOT / "stack.yml").read_text()

    (proof,) = found.proofs
    assert proof.corner == "early-ack", said
    if proof.told:
        assert 0 < proof.missing < proof.accepted, said
        assert f"{proof.missing:,} of {proof.accepted:,} accepted tasks missing after one worker was killed" in said
    else:  # on a machine that is busy the run may be invalid; then it makes no number, and says why
        assert proof.reasons and not (proof.accepted or proof.missing), said
        assert all(each in proof.sentence for each in proof.reasons), said
    assert proof.sentence in (path.parent / "tune.html").read_text()
    assert proof.sentence in (tmp_path / "tuning.md").read_text()
    assert not list(tmp_path.glob(".warren/bench/*"))


def test_a_task_is_learnt_and_its_latency_read_at_the_rate_that_is_asked(stack: LocalStack, tmp_path: Path):
    candidate = Candidate(kind="threads", processes=2, concurrency=8, prefetch=16, queue_type="quorum")
    meter = Meter(Load("", what=("--task", "sleep", "--args", "[0.05]")), tmp_path, "r", lambda _: lambda *_: None)
    target = Target(stack.url, TOKEN, {})
    meter.look(target)
    # A slot needs that long for a task at least, so that sixteen carry no more than 320 a second.
    assert meter.pace.service >= 0.05
    assert 0 < meter.pace.tasks(candidate, 1.0) <= 1.5 * 320 + 1
    found = Measured(candidate=candidate, corners=[], rung=1, throughput=100.0)
    meter.latency(target, "one", 3.0, 40.0, found)
    assert found.carries and found.missing == 0 and 60 < found.accepted < 250
    assert found.reasons or (found.latency["p50"] or 0) >= 0.05
    # What it cannot carry is not flooded.
    slow = Measured(candidate=candidate, corners=[], rung=1, throughput=39.0)
    meter.latency(target, "other", 3.0, 40.0, slow)
    assert (slow.carries, slow.accepted, (tmp_path / "other").exists()) == (False, 0, False)
