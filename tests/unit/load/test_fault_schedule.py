"""A schedule of faults: what is refused, with the line and the cure, before anything starts."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from loadtests.commands.faults import faults
from loadtests.faults import schedule
from loadtests.faults.local_hands import CANNOT
from loadtests.faults.schedule import KINDS, LASTING, NIGHTLY, SHORT, BadSchedule

HEAD = "version: 1\nrate: 60\nbefore: 8s\nafter: 15s\n"


def parse(text: str, head: str = HEAD) -> schedule.Schedule:
    return schedule.parse(head + text, Path("mine.yml"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("faults: {a: [", "mine.yml: line 5: not YAML"),
        ("faults: {}", "line 5: faults: Dictionary should have at least 1 item"),
        ("faults: [worker-kill]", "line 5: faults: Input should be a valid dictionary"),
        ("faults:\n  a: {do: web-kill}\n  b: {do: unplug}", "line 7: faults.b.do: Input should be 'worker-kill'"),
        ("faults:\n  a: {do: web-kill, when: 3s}", "line 6: faults.a.when: not a setting Warren knows"),
        ("faults:\n  a: {task: noop}", "line 6: faults.a.do: missing"),
        ("faults:\n  a: {do: worker-stop}", "line 6: faults.a: worker-stop goes on until it is put back; say how long"),
        ("faults:\n  a: {do: worker-stop, lasts: 3}", "line 6: faults.a.lasts: 3 is not a duration"),
        ("faults:\n  a: {do: web-kill, lasts: 3s}", "line 6: faults.a.lasts: web-kill is done at once; leave this out"),
        ("faults:\n  a: {do: web-kill, pool: io}", "line 6: faults.a.pool: web-kill is not about a worker"),
        ("faults:\n  a: {do: web-kill}\n  a: {do: web-kill}", "line 7: faults.a: named twice"),
        ("speed: 3\nfaults:\n  a: {do: web-kill}", "line 5: speed: not a setting Warren knows"),
    ],
)
def test_what_cannot_be_played_is_refused_with_its_line(text: str, complaint: str):
    with pytest.raises(BadSchedule) as refused:
        parse(text)
    assert complaint in str(refused.value)


def test_every_complaint_is_told_at_once_in_the_order_of_the_lines():
    with pytest.raises(BadSchedule) as refused:
        parse("faults:\n  a: {do: worker-stop, lasts: never}", "version: 1\nrate: 0\nbefore: 8s\nafter: 15s\n")
    assert [line.split(": ")[2] for line in str(refused.value).splitlines()] == ["rate", "faults.a.lasts"]


def test_the_shipped_schedule_can_be_read_and_names_all_that_local_hands_can_do():
    shipped = schedule.read(schedule.DEFAULT)
    assert {fault.do for fault in shipped.faults.values()} == set(KINDS) - set(CANNOT)


def test_the_one_for_deployed_stacks_names_all_there_is():
    for target in ("hosts", "kubernetes"):
        shipped = schedule.read(schedule.DEFAULTS[target])
        assert {fault.do for fault in shipped.faults.values()} == set(KINDS)


def test_the_nightly_form_loads_long_enough_for_the_tasks_it_wants():
    shipped = schedule.read(schedule.DEFAULT)
    nightly = schedule.chosen(shipped, (), NIGHTLY, None)
    assert nightly.faults == shipped.faults
    assert all(nightly.length(fault) * nightly.rate > 80_000 for fault in nightly.faults.values())
    slow = schedule.chosen(shipped, ("web-kill",), NIGHTLY, 100.0)
    assert (list(slow.faults), slow.length(slow.faults["web-kill"])) == (["web-kill"], 864.0)


def test_the_short_form_shortens_what_lasts():
    short = schedule.chosen(parse("faults:\n  a: {do: memory-alarm, lasts: 30s}\n  b: {do: web-kill}"), (), SHORT, None)
    assert [short.faults[name].lasts for name in "ab"] == [2.0, None]
    # Before, the fault, after.
    assert [short.length(short.faults[name]) for name in "ab"] == [12.0, 10.0]


def test_what_lasts_is_a_kind_of_fault():
    assert set(LASTING) < set(KINDS)


@pytest.mark.parametrize(
    ("words", "text", "complaint"),
    [
        ([], "faults:\n  a: {do: cut, lasts: 3s}", "faults.a: the local target cannot do cut"),
        ([], "faults:\n  a: {do: slow-link, lasts: 3s}", "faults.a: the local target cannot do slow-link"),
        ([], "faults:\n  a: {do: worker-kill, pool: night}", "stack.yml has no pool night; it has fast, io, long"),
        (["--only", "b"], "faults:\n  a: {do: web-kill}", "--only b: the schedule has no such fault; it has a"),
        (["--short", "--nightly"], "faults:\n  a: {do: web-kill}", "choose one"),
        (["--rate", "0"], "faults:\n  a: {do: web-kill}", "0.0 is not in the range"),
        (["--target", "cloudfoundry"], "faults:\n  a: {do: web-kill}", "no hands for --target cloudfoundry"),
        (["--url", "http://127.0.0.1:1"], "faults:\n  a: {do: web-kill}", "a URL alone cannot be broken"),
        (["--namespace", "mine"], "faults:\n  a: {do: web-kill}", "--namespace and --context go with"),
        (["--target", "hosts", "--inventory", "absent.yml"], "faults:\n  a: {do: web-kill}", "no such inventory"),
        (["--stack", "nowhere.yml"], "faults:\n  a: {do: web-kill}", "nowhere.yml: cannot be read"),
    ],
)
def test_the_command_refuses_it_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path, words: list[str], text: str, complaint: str
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yml").write_text(HEAD + text)
    done = CliRunner().invoke(faults, ["--stack", str(root / "stack.yml"), "mine.yml", *words])
    # Long lines are broken where there is no terminal to tell its width.
    assert (done.exit_code, complaint in " ".join(done.output.split())) == (2, True), done.output
    assert [each.name for each in tmp_path.iterdir()] == ["mine.yml"]


def test_a_schedule_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(faults, ["--stack", str(root / "stack.yml"), "absent.yml"])
    assert (done.exit_code, "absent.yml: cannot be read" in done.output) == (2, True), done.output


def test_results_that_are_kept_elsewhere_cannot_be_taken_down_by_local_hands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CELERY_BACKEND_URL", "redis://127.0.0.1:1/0")
    done = CliRunner().invoke(faults, ["--stack", str(root / "stack.yml"), "--only", "results-down"])
    assert (done.exit_code, "CELERY_BACKEND_URL puts the results elsewhere" in done.output) == (2, True), done.output
