"""`warren gate`: exit codes, what is refused, and what is said of an earlier result."""

import json
import os
import xml.etree.ElementTree as Xml
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from loadtests.analysis import manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.commands.gate import gate
from loadtests.gate.spread import by_blocks

from ...made_run import MadeRun

HERE = {"hostname": "here", "cpu": "some", "cores": 2, "memory": 2**33}


def judged(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(gate, [str(word) for word in words])
    return done.exit_code, done.output


def run(
    folder: Path,
    slower: float = 1.0,
    rate: float = 100.0,
    host: dict | None = HERE,
    url: str = "http://127.0.0.1:8080",
    args: str = "[]",
    **asked: object,
) -> Path:
    """1,500 tasks whose execution takes about 10 ms, and the searched rate of 100 a second."""
    made = MadeRun(folder, rate=rate, args=args)
    took = np.random.default_rng(len(folder.name)).lognormal(np.log(0.01 * slower), 0.3, 1500)
    for number, seconds in enumerate(took):
        made.send(f"t{number}", number / rate)
        made.record(f"t{number}", number / rate, finished=number / rate + 0.005 + seconds)
    made.close()
    if host:
        manifest.write(folder, {"host": host, "stack": {"target": "local", "url": url}})
    analyse(folder, Asked(made_by="bench", latency_phase="run", **({"rate": 1000.0, "limit": 1040.0} | asked)))
    return folder


def changed(folder: Path, **changes: object) -> Path:
    file = folder / "result.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    return file


def with_rate(folder: Path, rate: float | None) -> Path:
    throughput = json.loads((folder / "result.json").read_text())["throughput"]
    changed(folder, throughput=throughput | {"rate": rate})
    return folder


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return run(tmp_path / "now")


def test_the_exit_code_tells_met_not_met_and_cannot_tell(result: Path):
    assert judged(result, "--slo", "p99<500ms", "--slo", "lost=0")[0] == 0
    code, said = judged(result / "result.json", "--slo", "p99<1ms", "--slo", "lost=0")
    assert (code, "not met      p99<1ms" in said, "met          lost=0" in said) == (1, True, True)
    code, said = judged(result, "--slo", "p99.9<1s")
    assert (code, "1,500 tasks are too few: it takes 10,000" in said) == (2, True)
    assert judged(result, "--slo", "p99.9<1s", "--slo", "p99<1ms")[0] == 1


def test_an_older_result_has_no_p95_and_says_so(result: Path):
    stages = json.loads((result / "result.json").read_text())["latency"]
    changed(result, latency={name: {k: v for k, v in each.items() if k != "p95"} for name, each in stages.items()})
    code, said = judged(result, "--slo", "p95<1s", "--slo", "p99<1s")
    assert (code, "no p95: it was written before there was one" in said, "met          p99<1s" in said) == (
        2,
        True,
        True,
    )


def test_without_a_result_the_newest_is_judged_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    code, said = judged("--slo", "lost=0")
    assert (code, "results: no run in it has a result.json; make one with `warren bench`" in said) == (2, True), said
    old, new = run(Path("results", "20260101-120000-old")), run(Path("results", "20260102-120000-new"), slower=3)
    (Path("results", "20260103-120000-faults")).mkdir()  # of another command, without a result
    os.utime(old / "result.json", (1, 1))
    code, said = judged("--slo", "p50<15ms")
    assert (code, said.startswith(f"newest result: {new}\n")) == (1, True), said
    assert judged(old, "--slo", "p50<15ms")[0] == 0
    assert judged("--against", old)[0] == 1
    code, said = judged("--against", new)
    assert (code, "is the one to compare with" in said) == (2, True), said


def test_a_lost_task_fails_the_gate_unless_an_objective_allows_it(made_run):
    made = made_run()
    made.tasks(1500)
    made.send("lost")
    folder = made.close()
    analyse(folder, Asked())
    code, said = judged(folder, "--slo", "p99<1s")
    assert (code, "1 of 1,501 accepted tasks are missing" in said) == (1, True)
    assert judged(folder, "--slo", "p99<1s", "--slo", "lost<1%")[0] == 0


def test_bad_input_is_refused_with_exit_code_2(result: Path, tmp_path: Path):
    def refused(*words: object) -> str:
        code, said = judged(*words)
        assert code == 2, said
        return said

    assert "give --slo or --against" in refused(result)
    assert "'p97' is not known" in refused(result, "--slo", "p97<1s")
    assert "does not exist" in refused(tmp_path / "nowhere", "--slo", "lost=0")
    (tmp_path / "empty").mkdir()
    assert "no result.json in it" in refused(tmp_path / "empty", "--slo", "lost=0")
    assert "No such file" in refused(result, "--slo", "lost=0", "--junit", tmp_path / "nowhere" / "gate.xml")
    whole = (result / "result.json").read_text()
    assert "version 2, and this Warren reads 1" in refused(changed(result, schema_version=2), "--slo", "lost=0")
    (result / "result.json").write_text(whole[:300])
    assert "cut off, or not JSON" in refused(result, "--slo", "lost=0")


def test_a_run_that_is_not_valid_fails_the_gate_and_is_nothing_to_compare_with(result: Path, tmp_path: Path):
    bad = run(tmp_path / "bad", reasons=["generator saturated: it was late"])
    code, said = judged(bad, "--slo", "p99<60m", "--against", result)
    assert (code, said.count("the run is not valid: generator saturated")) == (1, 2)
    code, said = judged(result, "--against", bad)
    assert (code, "to compare with, is not valid" in said) == (2, True)


def test_the_same_again_is_no_worse(result: Path, tmp_path: Path):
    code, said = judged(result, "--against", run(tmp_path / "then"))
    assert code == 0, said
    assert "rate was 1,000, is 1,000 tasks/s (+0.0%, between -3.8% and +4.0%)" in said
    assert "p99.9 is not compared" in said
    assert "one run each" in said


def test_what_became_slower_fails_unless_it_is_tolerated(tmp_path: Path):
    then, now = run(tmp_path / "then"), run(tmp_path / "slow", slower=1.5, rate=101)
    code, said = judged(now, "--against", then)
    assert (code, "not met      p50 not worse by more than 10%" in said) == (1, True), said
    assert judged(now, "--against", then, "--tolerance", "60")[0] == 0
    assert judged(then, "--against", now)[0] == 0


def test_a_lower_rate_fails(result: Path, tmp_path: Path):
    slow = with_rate(run(tmp_path / "slow", limit=830.0), 800.0)
    code, said = judged(slow, "--against", result)
    assert (code, "rate was 1,000, is 800 tasks/s (-20.0%, between -23.1% and -17.0%)" in said) == (1, True), said


def test_what_one_run_cannot_tell_is_no_failure(tmp_path: Path):
    """The search's brackets overlap: the true rates may be the same."""
    then, now = run(tmp_path / "then"), with_rate(run(tmp_path / "now", limit=1050.0), 850.0)
    code, said = judged(now, "--against", then)
    assert (code, "one run each cannot tell it from no change" in said) == (0, True), said


def test_different_machines_are_compared_only_on_request_and_never_silently(result: Path, tmp_path: Path):
    other = run(tmp_path / "other", host=HERE | {"cores": 16})
    unknown = run(tmp_path / "unknown", host=None)
    for then, what in ((other, "then here: some, 16 cores, 8 GiB"), (unknown, "then unknown")):
        code, said = judged(result, "--against", then)
        assert (code, what in said, "--other-machine" in said) == (2, True, True), said
        code, said = judged(result, "--against", then, "--other-machine")
        assert (code, "of different machines" in said, what in said) == (0, True, True), said


def test_tasks_with_other_arguments_are_not_compared(tmp_path: Path):
    now = run(tmp_path / "now", args="[0.01]")
    code, said = judged(now, "--against", run(tmp_path / "long", args="[5]"))
    assert (code, "different arguments: [0.01] now, [5] then" in said) == (2, True), said
    code, said = judged(now, "--against", run(tmp_path / "same", args="[ 0.010 ]"))
    assert (code, "arguments" in said) == (0, False), said
    alone = tmp_path / "earlier.json"
    alone.write_text((now / "result.json").read_text())
    code, said = judged(now, "--against", alone)
    assert (code, "same arguments is not known" in said) == (0, True), said


def test_another_front_end_is_said(result: Path, tmp_path: Path):
    """Machines behind a URL are not known, so that two stacks would pass for one."""
    code, said = judged(result, "--against", run(tmp_path / "same", url="http://127.0.0.1:20017"))
    assert (code, "front ends" in said) == (0, False), said
    code, said = judged(result, "--against", run(tmp_path / "other", url="https://tasks.example.org/"))
    assert (code, "different front ends (now 127.0.0.1; then tasks.example.org)" in said) == (0, True), said


def test_what_was_measured_otherwise_is_not_compared(result: Path, tmp_path: Path):
    code, said = judged(result, "--against", run(tmp_path / "then", rate=200.0))
    assert (code, "read at 100 tasks/s now, at 200 then" in said, "rate was" in said) == (0, True, True), said
    asked = with_rate(run(tmp_path / "asked", rate=200.0), None)
    code, said = judged(result, "--against", asked)
    assert (code, "cannot tell" in said) == (2, True), said
    changed(asked, scenario="gendog")
    code, said = judged(result, "--against", asked)
    assert (code, "the runs sent different things: noop now, gendog then" in said) == (2, True), said


def test_records_that_are_gone_or_cut_off(result: Path, tmp_path: Path):
    then = run(tmp_path / "then")
    records = then / "records.parquet"
    records.write_bytes(records.read_bytes()[:100])
    code, said = judged(result, "--against", then)
    assert (code, "not a Parquet file" in said) == (2, True)
    records.unlink()
    code, said = judged(result, "--against", then)
    assert (code, "no interval without records" in said) == (0, True), said


def test_junit_holds_a_case_for_each_objective(result: Path, tmp_path: Path):
    file = tmp_path / "gate.xml"
    judged(result, "--slo", "p99<1ms", "--slo", "lost=0", "--slo", "p99.9<1s", "--junit", file)
    suite = Xml.parse(file).getroot()[0]  # noqa: S314  our own
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("3", "1", "1")
    cases = {case.get("name"): case for case in suite}
    assert cases["p99<1ms"].find("failure").get("message").startswith("p99 of scheduled_to_finished was")
    assert cases["p99.9<1s"].find("error") is not None
    assert cases["lost=0"].find("system-out").text.startswith("0 of 1,500")


def test_the_interval_of_one_run_holds_the_truth_although_tasks_are_slow_together():
    """40 runs whose latency wanders within seconds: drawn task by task, the interval would miss far more often."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        level = np.repeat(rng.normal(0, 0.3, 200), 10)  # 200 moments of ten tasks each
        took = 0.01 * np.exp(level + rng.normal(0, 0.1, 2000))
        found = by_blocks(np.arange(2000.0), took, {"p50": 0.5}, seed)
        assert found is not None
        low, high = np.quantile(found["p50"], [0.025, 0.975])
        held += low <= 0.01 * 1.01 and high >= 0.01
    assert held >= 34
