"""result.json: its schema, and folders that cannot be read."""

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from loadtests.analysis import result as results_file
from loadtests.analysis.analyse import Asked, analyse
from loadtests.commands.report import report


@pytest.fixture
def results(made_run) -> Path:
    made = made_run()
    made.tasks(1500)
    folder = made.close()
    analyse(folder, Asked())
    return folder


def test_the_schema_in_the_repository_is_that_of_the_code():
    told = json.loads(results_file.SCHEMA.read_text())
    assert told == results_file.schema(), "run: python -m loadtests.analysis.result"


def test_a_result_fits_the_schema_and_has_what_is_promised(results: Path):
    data = json.loads((results / "result.json").read_text())
    jsonschema.validate(data, json.loads(results_file.SCHEMA.read_text()), jsonschema.Draft202012Validator)
    assert (data["schema_version"], data["valid"], data["reasons"]) == (1, True, [])
    assert {"accepted", "finished", "dead_lettered", "missing", "duplicated"} <= set(data["ledger"])
    assert data["throughput"]["rate"] == pytest.approx(100, rel=0.01)
    total = data["latency"]["scheduled_to_finished"]
    assert (total["count"], total["p999"]) == (1500, None)
    assert total["p50"] == pytest.approx(0.006, rel=0.01)
    assert "too few" in total["reasons"]["p999"]


def test_a_result_that_lacks_something_does_not_fit(results: Path):
    data = json.loads((results / "result.json").read_text())
    del data["ledger"]["missing"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json.loads(results_file.SCHEMA.read_text()))


def rebuilt(folder: Path) -> tuple[int, str]:
    done = CliRunner().invoke(report, [str(folder)])
    return done.exit_code, done.output


def test_report_rebuilds_the_page_from_the_files(results: Path):
    code, said = rebuilt(results)
    assert (code, (results / "report.html").exists()) == (0, True), said
    assert "balanced" in said


def test_report_says_what_is_wrong_with_a_folder(results: Path, tmp_path: Path):
    file = results / "result.json"
    whole = json.loads(file.read_text()) | {"made_by": "bench"}

    def refused(text: str) -> str:
        file.write_text(text)
        code, said = rebuilt(results)
        assert code == 2, said
        return said

    assert "cut off, or not JSON" in refused(json.dumps(whole)[:200])
    assert "version 99, and this Warren reads 1" in refused(json.dumps(whole | {"schema_version": 99}))
    assert "ledger: Field required" in refused(json.dumps({k: v for k, v in whole.items() if k != "ledger"}))
    parquet = results / "records.parquet"
    parquet.write_bytes(parquet.read_bytes()[:100])
    assert "cut off, or not a Parquet file" in refused(json.dumps(whole))
    parquet.unlink()
    assert "no records.parquet" in refused(json.dumps(whole))
    assert rebuilt(tmp_path / "nowhere") == (2, f"Error: {tmp_path}/nowhere: there is no such folder\n")
    (tmp_path / "empty").mkdir()
    assert "there is no run in it" in rebuilt(tmp_path / "empty")[1]


def test_report_tells_by_its_exit_code_that_a_task_is_missing(made_run):
    made = made_run()
    made.tasks(30)
    made.send("lost")
    assert rebuilt(made.close())[0] == 3


def test_a_part_that_was_cut_off_loses_its_last_line_only(made_run):
    made = made_run()
    made.tasks(40)
    folder = made.close()
    sends = next(folder.glob("parts/run/sends-*"))
    sends.write_bytes(sends.read_bytes()[:-20])
    result = analyse(folder, Asked())
    assert result.ledger.sent == 39
    assert any("cut off" in note for note in result.notes)


def test_a_run_without_an_end_is_not_valid(made_run):
    made = made_run(ended=False)
    made.tasks(2000)
    result = analyse(made.close(), Asked())
    assert (result.valid, result.reasons) == (False, ["run was interrupted"])
    assert result.throughput.rate is None
