"""`warren plan`: its arithmetic, what it refuses and how, and stack.yml with its comments as they were."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.contract import ContractError, load_contract
from loadtests.analysis import manifest
from loadtests.bench.locust_run import PhaseFailed
from loadtests.capacity import command, document, show
from loadtests.capacity.document import Arm, Capacity, Demand, Estimate, Model
from loadtests.capacity.plan import BadPlan, plan, with_processes
from loadtests.capacity.search import CannotTell
from loadtests.commands.capacity import capacity as capacity_command
from loadtests.commands.capacity import plan as plan_command
from loadtests.gate.slo import parse
from loadtests.local.errors import StackError

STACK = Path(__file__).parents[3] / "stack.yml"


def estimate(value: float, *ends: float) -> Estimate:
    low, high = ends or (None, None)
    return Estimate(value=value, low=low, high=high, of="")


def model(**changes: Any) -> Model:
    """One process does 40 tasks a second, each 25 ms; the front end is full at 1,000 a second."""
    values = {"service": estimate(0.025), "spread": 1.0, "servers": 1, "bound": "slots", "single": estimate(40, 35, 45)}
    values |= {
        "contention": estimate(0),
        "coherency": estimate(0),
        "counts": [1, 2],
        "demands": {"web": Demand(idle=0, each=0.001)},
    }
    values |= {"draws": [(35, 0, 0), (40, 0, 0), (45, 0, 0)]}
    values |= {"rest": {"mean": 0.03, "p50": 0.03, "p99": 0.05}, "fitted": [20], "predictions": [], "notes": []}
    return Model(**values | changes)


def measured(found: Model | None, **changes: Any) -> Capacity:
    arm = Arm(workers=2, slots=1, points=[], rate=70, limit=80, first="worker", why="")
    machines = manifest.machines({"host": manifest.host()})
    values = {"run": "r", "started": 1.0, "machines": machines, "what": [], "pool": "fast", "objectives": []}
    return Capacity(**values | {"arms": [arm], "model": found} | changes)


def test_the_count_is_the_fewest_that_carries_rate_and_objective():
    easy = plan(measured(model()), 100, [])
    assert (easy.workers, easy.low, easy.high) == (3, 3, 4)
    assert easy.utilisation == pytest.approx(100 / 120)
    # Nine tenths busy is enough for the rate, and not for a latency near the service time: queues cost.
    assert plan(measured(model()), 108, []).workers == 3
    strict = plan(measured(model()), 110, [parse("p99<100ms")])
    assert strict.workers > 3
    assert strict.predicted["p99<100ms"] < 0.1
    assert (strict.low, strict.high) == (4, 6)


def test_workers_are_planned_with_room_as_any_other_part_is():
    """Three would do 120 a second: 110 would leave them 92 % busy, with no queue ever short."""
    found = plan(measured(model()), 110, [])
    assert (found.workers, found.utilisation) == (4, pytest.approx(110 / 160))
    assert any("planned for the rate alone" in each for each in found.warnings)
    with pytest.raises(BadPlan, match="a plan keeps them at most 90% busy"):
        plan(measured(model(coherency=estimate(0.05))), 0.95 * 40 * 4 / (1 + 0.05 * 12), [])


def test_without_objectives_it_is_planned_for_those_that_were_measured():
    capacity = measured(model(), objectives=["p99<100ms", "lost=0", "max<9s"])
    found, asked = plan(capacity, 110, []), plan(capacity, 110, [parse("p99<100ms")])
    assert (found.workers, found.predicted) == (asked.workers, asked.predicted)
    said = "\n".join(found.warnings)
    assert "planned for what run r was measured with: p99<100ms lost=0" in said
    assert "not planned for, though it was measured with: max<9s" in said
    assert not any("measured with" in each for each in asked.warnings)


def test_contention_costs_workers_and_has_an_end():
    assert plan(measured(model(contention=estimate(0.1))), 100, []).workers == 4
    with pytest.raises(BadPlan, match=r"out of reach: with contention 0 and coherency 0\.05 the most is"):
        plan(measured(model(coherency=estimate(0.05))), 300, [])


def test_the_interval_is_of_whole_laws_and_tells_of_an_end_that_nothing_reaches():
    bends = [(40, 0.0, 0.0), (40, 0.1, 0.0), (42, 0.0, 0.0)]
    found = plan(measured(model(draws=bends)), 100, [])
    assert (found.workers, found.low, found.high) == (3, 3, 4)
    hopeless = plan(measured(model(draws=[*bends, (40, 0.0, 0.05)])), 200, [])
    assert (hopeless.workers, hopeless.low, hopeless.high) == (6, 6, math.inf)
    assert "(95 %: 6 or more; at the pessimistic end no count suffices)" in show.plan(hopeless)[0]
    nothing = plan(measured(model(draws=[])), 100, [])
    assert "(no interval: too few saturated runs)" in show.plan(nothing)[0]


def test_what_more_workers_do_not_help_is_no_plan():
    with pytest.raises(BadPlan, match=r"the web would be 120% busy, full at about 1,000 tasks/s.*measure again"):
        plan(measured(model()), 1200, [])
    with pytest.raises(BadPlan, match=r"p99<40ms comes to 0\.05 s even without any queue"):
        plan(measured(model()), 100, [parse("p99<40ms")])
    with pytest.raises(BadPlan, match=r"no run of the fit had tasks enough for a p99\.9; measure with"):
        plan(measured(model()), 100, [parse("p99.9<1s")])
    with pytest.raises(BadPlan, match=r"no model of one pool's workers .*--task"):
        plan(measured(None), 100, [])


def test_it_names_what_breaks_first_and_how_far_it_reaches():
    assert "a task takes 25 ms of a worker" in plan(measured(model()), 100, []).breaks
    assert "web stays as busy" in plan(measured(model(demands={"web": Demand(idle=0, each=1 / 115)})), 102, []).breaks
    far = plan(measured(model()), 300, [parse("lost=0")])
    assert any("9 processes lie beyond the 2 that were measured" in each for each in far.warnings)
    assert any("lost=0: no model predicts it" in each for each in far.warnings)


def test_messages_taken_far_in_advance_make_a_queue_of_each_process():
    def noted(prefetch: int, rate: float = 100.0) -> bool:
        return any("in advance" in each for each in plan(measured(model(), prefetch=prefetch), rate, []).warnings)

    assert (noted(64), noted(2), noted(64, rate=10)) == (True, False, False)


def test_stack_yml_changes_in_one_place_and_keeps_every_comment():
    before = STACK.read_text()
    after = with_processes(before, STACK, "io", 7)
    changed = [(old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new]
    assert changed == [("    processes: per-core", "    processes: 7")]
    assert after.count("#") == before.count("#")
    flow = before.replace(
        "    processes: per-core\n    concurrency: 32 ", "    processes: 3  # three\n    concurrency: 32 "
    )
    assert "    processes: 12  # three\n" in with_processes(flow, STACK, "io", 12)
    with pytest.raises(BadPlan, match="has no pool nope; it has fast, io, long"):
        with_processes(before, STACK, "nope", 1)
    with pytest.raises(ContractError):
        with_processes(before.replace("version: 1", "version: 9"), STACK, "io", 1)
    shared = before.replace("processes: per-core", "processes: &n 2", 1).replace("processes: per-core", "processes: *n")
    for pool in ("fast", "io"):
        with pytest.raises(BadPlan, match="cannot be changed alone"):
            with_processes(shared, STACK, pool, 5)


@pytest.fixture
def warren(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `warren plan` in a folder with a stack.yml."""
    (tmp_path / "stack.yml").write_text(STACK.read_text())
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(plan_command, words)


def keep(folder: Path, found: Capacity) -> Path:
    folder.mkdir(parents=True)
    return document.write(folder, found)


def test_it_takes_the_newest_shows_a_diff_and_writes_when_told(warren: Callable[..., Result], tmp_path: Path):
    keep(tmp_path / "results" / "run", measured(model()))
    shown = warren("--rate", "100", "--slo", "p99<1s")
    assert shown.exit_code == 0, shown.output
    assert "100 tasks/s: 3 worker processes of pool fast" in shown.output
    assert "breaks first: the assumption that a task takes 25 ms" in shown.output
    assert "-    processes: per-core\n+    processes: 3\n" in shown.output
    assert (tmp_path / "stack.yml").read_text() == STACK.read_text()
    assert warren("--rate", "100", "--write").exit_code == 0
    assert load_contract(tmp_path / "stack.yml").pools["fast"].processes == 3
    assert "has that count already" in warren("--rate", "100").output


def test_a_stack_yml_that_cannot_be_written_is_a_message(
    warren: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    keep(tmp_path / "results" / "run", measured(model()))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("loadtests.documents.write_text", refuse)
    refused = warren("--rate", "100", "--write")
    assert (refused.exit_code, "stack.yml cannot be written: Permission denied" in refused.output) == (2, True)
    assert (tmp_path / "stack.yml").read_text() == STACK.read_text()


def test_bad_capacity_files_are_refused_with_the_cure(warren: Callable[..., Result], tmp_path: Path):
    nothing = warren("--rate", "100")
    assert (nothing.exit_code, "measure one with `warren capacity" in nothing.output) == (2, True), nothing.output
    path = keep(tmp_path / "results" / "run", measured(model()))
    whole = path.read_text()
    for text, complaint in (
        (whole[: len(whole) // 2], "cut off, or not JSON"),
        (json.dumps(json.loads(whole) | {"version": 99}), "version 99, and this Warren reads 2"),
        (json.dumps(json.loads(whole) | {"arms": 3}), "arms: Input should be a valid list"),
        (json.dumps(json.loads(whole) | {"machines": ["elsewhere"]}), "measured on elsewhere; this is"),
    ):
        path.write_text(text)
        refused = warren("--rate", "100", "--from", str(path), "--write")
        assert (refused.exit_code, complaint in refused.output) == (2, True), refused.output
    meant = warren("--rate", "100", "--other-machine")
    assert (meant.exit_code, "note: measured on elsewhere" in meant.output) == (0, True), meant.output
    assert (tmp_path / "stack.yml").read_text() == STACK.read_text()


def test_bad_input_is_refused_before_anything_starts(warren: Callable[..., Result], tmp_path: Path):
    wrong = warren("--rate", "100", "--slo", "fast")
    assert (wrong.exit_code, "is no objective" in wrong.output) == (2, True)
    for words, complaint in (
        (["--slo", "p99<5"], "a latency needs a unit"),
        (["--workers", "1,x"], "is no list of different numbers"),
        (["--workers", "2,2"], "is no list of different numbers"),
        (["--workers", "1,2", "--url", "http://127.0.0.1:1"], "--workers starts stacks of its own"),
        (["--workers", "1,2", "--scenario", "mix"], "Send one task with --task"),
    ):
        refused = CliRunner().invoke(capacity_command, words)
        assert (refused.exit_code, complaint in refused.output) == (2, True), refused.output
    assert not list(tmp_path.glob("results/*"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (StackError("the broker died"), 1),
        (PhaseFailed("2-fit-60: Locust did not end"), 1),
        (CannotTell("p99<1s: too few tasks"), 2),
    ],
)
def test_a_run_that_ends_early_keeps_the_counts_that_were_measured(
    warren: Callable[..., Result], monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
):
    def measure(about: Any, count: int, results: Path, *_: object) -> Arm:
        about.pool = "io"
        results.mkdir(parents=True, exist_ok=True)
        if count > 1:
            raise error
        return Arm(workers=count, slots=1, points=[], rate=70, limit=80, first="worker", why="")

    monkeypatch.setattr(command._About, "measure", measure)
    ended = CliRunner().invoke(capacity_command, ["--task", "sleep", "--workers", "1,2,3"])
    assert (ended.exit_code, "kept, unfinished: results/" in ended.output) == (code, True), ended.output
    path = document.newest(Path("results"))
    kept = document.read(path)
    assert [arm.workers for arm in kept.arms] == [1]
    assert kept.unfinished == (str(error) or "interrupted")
    machines = manifest.machines({"host": manifest.host()})
    document.write(path.parent, kept.model_copy(update={"model": model(), "machines": machines}))
    assert f"note: run {kept.run} is unfinished: {kept.unfinished}" in warren("--rate", "100").output
