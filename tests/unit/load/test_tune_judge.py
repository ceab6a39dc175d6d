"""What follows from runs of candidates: the best safe one, or none; what safety costs; and the document of it all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.contract import load_contract, parse_contract
from loadtests import documents
from loadtests.analysis import manifest
from loadtests.commands.tune import tune as tune_command
from loadtests.tune import document, judge, markdown, page, show
from loadtests.tune.candidate import Candidate, present
from loadtests.tune.document import Measured, Proof, Tune, Walk
from loadtests.tune.judge import FINAL
from loadtests.tune.space import corners

STACK = Path(__file__).parents[3] / "stack.yml"
CONTRACT = parse_contract(STACK.read_text(), STACK)
NOW = present(CONTRACT, "io", "none")
BIG = NOW.model_copy(update={"concurrency": 64, "prefetch": 128})
HUGE = NOW.model_copy(update={"processes": 8, "concurrency": 64, "prefetch": 128})
EARLY = BIG.model_copy(update={"ack": "early"})
# Six runs that vary by some per cent; their median is 1.005.
NOISE = (0.97, 1.01, 1.0, 1.03, 0.99, 1.02)


def runs(candidate: Candidate, rate: float, tail: float | None = 0.01, rung: int = FINAL, memory: float = 100):
    told = {"latency": {"p99": tail}, "carries": True} if tail else {"carries": False}
    common = {"candidate": candidate, "corners": corners(candidate, CONTRACT), "rung": rung, "memory": memory}
    return [Measured(**common, **told, throughput=rate * each, accepted=100) for each in NOISE]  # type: ignore[arg-type]


def walk(*measured: list[Measured], **more: Any) -> Walk:
    values: dict[str, Any] = {"task": "sleep", "args": [0.01], "pool": "io", "present": NOW, "combinations": 99}
    values |= {"left_out": {"it is too long": 3}, "percentile": "p99", "rate": 50.0, "objective": 0.02}
    # In turn, as finalists are.
    made = Walk(**values | {"measured": [each for turn in zip(*measured, strict=True) for each in turn]} | more)
    judge.decide(made, CONTRACT)
    return made


def test_the_fastest_that_is_told_apart_and_meets_the_objective_is_best():
    found = walk(runs(NOW, 100), runs(BIG, 150), runs(HUGE, 300, tail=0.5))
    assert found.best == BIG
    assert found.gain and found.gain.change.value == pytest.approx(1.5)
    assert "told apart from what is there" in found.why
    assert "+50%" in show.best(found)


def test_what_loses_tasks_is_never_best_and_its_price_is_told():
    found = walk(runs(NOW, 100), runs(BIG, 150), runs(EARLY, 300, tail=0.005))
    assert found.best == BIG
    (price,) = found.prices
    assert price.corner == "early-ack"
    assert (price.throughput.value, price.throughput.low) == (pytest.approx(2), pytest.approx(2))
    assert price.tail and price.tail.value == pytest.approx(0.5)
    assert "acknowledging late: without it +100%" in show.price(price, "p99")
    (early,) = [each for each in found.standings if each.corners]
    (big,) = [each for each in found.standings if each.candidate == BIG]
    assert (early.front, early.safe_front, big.front, big.safe_front) == (True, False, False, True)


def test_what_is_not_told_apart_changes_nothing():
    found = walk(runs(NOW, 100), runs(BIG, 101))
    assert found.best == NOW
    assert "not told apart from what is there at 6 runs of each (smallest detectable:" in found.why


def test_of_those_not_told_apart_the_simplest_is_taken():
    found = walk(runs(NOW, 100), runs(BIG, 150), runs(HUGE, 151))
    assert found.best == BIG
    assert "simpler" in found.why
    assert found.gain and found.gain.change.value == pytest.approx(1.5)


def test_too_few_repeats_settle_nothing():
    found = walk(runs(NOW, 100, rung=0), runs(BIG, 900, rung=0))
    assert found.best == NOW
    assert "0 repeated runs of each are too few" in found.why


def test_safe_settings_that_lost_a_task_are_never_best():
    lost = runs(BIG, 150)
    lost[3].missing = 1
    assert walk(runs(NOW, 100), lost).best == NOW
    # Nor are they taken for being simpler, and what is there is no better when it lost some.
    assert walk(runs(NOW, 100), lost, runs(HUGE, 151)).best == HUGE
    there = runs(NOW, 100)
    there[0].missing = 1
    found = walk(there, runs(BIG, 101))
    assert found.best is None and "NO NUMBER: what is there lost tasks itself" in show.best(found)
    assert "all safe settings lost tasks" in walk(there, lost).why


def test_the_best_of_several_takes_more_rounds_than_one():
    four = [runs(each, rate)[:4] for each, rate in ((NOW, 100), (BIG, 150), (HUGE, 200))]
    assert walk(*four[:2]).best == BIG
    found = walk(*four)
    assert found.best == NOW and "4 repeated runs of each are too few" in found.why and "(5 can)" in found.why
    assert walk(runs(NOW, 100), runs(BIG, 150), runs(HUGE, 200)).gain.level == pytest.approx(0.025)  # type: ignore[union-attr]


def test_a_rate_that_the_sender_was_the_limit_of_is_marked():
    bound = runs(BIG, 150)
    bound[2].sender_bound = True
    found = walk(runs(NOW, 100), bound)
    assert [show.row(each, found)[1] for each in found.standings] == ["≥ 151", "100"]


def sent_as_fast_as_could_be(measured: list[Measured]) -> list[Measured]:
    return [each.model_copy(update={"sender_bound": True}) for each in measured]


def test_where_the_sender_was_the_limit_of_what_is_there_no_change_is_offered():
    there, faster = sent_as_fast_as_could_be(runs(NOW, 1411)), sent_as_fast_as_could_be(runs(BIG, 1567))
    for found in (walk(there, faster), walk(there, runs(BIG, 1567))):
        assert (found.best, found.gain) == (NOW, None)
        assert "not told apart from what is there: the sender was the limit" in show.best(found)
    # Nor is what is there called the fastest of those of which nobody knows what they carry.
    found = walk(sent_as_fast_as_could_be(runs(NOW, 1567)), sent_as_fast_as_could_be(runs(BIG, 1411)))
    assert found.best == NOW
    assert f"not told apart from {BIG}: the sender was the limit" in show.best(found)
    # What carries at least so much more than what is there is better all the same.
    assert walk(runs(NOW, 1000), faster).best == BIG


def test_an_objective_that_was_not_read_is_not_met():
    def unread(candidate: Candidate, rate: float) -> list[Measured]:
        return [each.model_copy(update={"latency": {"p99": None}}) for each in runs(candidate, rate)]

    assert walk(runs(NOW, 100), unread(BIG, 150)).best == NOW
    nobody = walk(unread(NOW, 100), unread(BIG, 150))
    assert nobody.best == NOW and "p99 was read of no safe settings" in nobody.why
    # Without an objective there is none to be met.
    assert walk(unread(NOW, 100), unread(BIG, 150), objective=None).best == BIG


def test_an_invalid_run_is_no_number():
    nothing = [Measured(candidate=NOW, corners=[], rung=0, reasons=["generator saturated"])]
    found = walk(nothing)
    assert (found.best, found.standings[0].throughput, found.standings[0].runs) == (None, None, 0)
    assert "NO NUMBER: no run of safe settings was valid" in show.best(found)
    assert judge.score(nothing[0], "p99", 1.0) is None
    # Of pairs, the one without a number drops out.
    gone = runs(BIG, 150)
    gone[0].throughput = None
    assert len(judge.together([*runs(NOW, 100), *gone], NOW, BIG)) == 5


def test_the_objective_counts_before_the_rate():
    quick, slow, growing = (runs(NOW, rate, tail)[0] for rate, tail in ((1, 0.01), (9, 0.9), (99, None)))
    scores = [judge.score(each, "p99", 0.02) for each in (quick, slow, growing)]
    assert scores[0] > scores[2] > scores[1]  # type: ignore[operator]
    nobody = walk(runs(NOW, 100, tail=0.5), runs(BIG, 200, tail=0.5))
    assert nobody.best == NOW and "no other safe settings met the objective" in nobody.why


def test_what_lost_tasks_goes_on_last():
    slow, lossy = runs(NOW, 1, 0.9)[0], runs(BIG, 99, 0.001)[0]
    lossy.missing = 1
    scores = [judge.score(each, "p99", 0.02) for each in (slow, lossy)]
    assert scores[0] > scores[1]  # type: ignore[operator]


PROOFS = [
    Proof(corner="early-ack", can_lose="what it began", fault="one worker was killed", accepted=1210, missing=37,
          control_accepted=1200, control_missing=0, told=True),
    Proof(corner="classic", can_lose="a disk", fault="the broker was killed", accepted=500,
          control_accepted=400, told=True),
    Proof(corner="rpc", can_lose="results", fault=""),
]  # fmt: skip


def tuned(*walks: Walk, **more: Any) -> Tune:
    values: dict[str, Any] = {
        "run": "r",
        "started": 1.0,
        "seconds": 600,
        "budget": 600,
        "seed": 1,
        "machines": manifest.machines({"host": manifest.host()}),
    }
    return Tune(**values | {"stack": "stack.yml", "walks": list(walks), "proofs": PROOFS, "notes": ["a note"]} | more)


def test_a_loss_is_counted_and_a_run_without_one_is_no_promise():
    early, classic, rpc = (each.sentence for each in PROOFS)
    assert early == (
        "37 of 1,210 accepted tasks missing after one worker was killed, 0 of 1,200 with safe settings. "
        "It loses what it began."
    )
    assert classic.startswith("No loss seen in this run (0 of 500 accepted tasks missing after the broker was killed")
    assert classic.endswith("it can lose a disk.")
    assert "It can lose results." in rpc


def test_an_invalid_fault_run_is_no_loss():
    proof = Proof(corner="early-ack", can_lose="what it began", fault="one worker was killed", reasons=["it was late"])
    assert proof.sentence == "It can lose what it began. Not told by a fault run: it was late."


def test_losses_of_unsafe_settings_are_expected_and_those_of_safe_ones_are_not():
    lossy = runs(EARLY, 300)
    lossy[0].missing = 5
    assert tuned(walk(runs(NOW, 100), lossy)).balanced
    lost = runs(NOW, 100)
    lost[0].missing = 1
    assert not tuned(walk(lost, runs(EARLY, 300))).balanced


def test_the_document_has_every_figure_from_the_run():
    found = tuned(walk(runs(NOW, 100), runs(BIG, 150), runs(EARLY, 300)))
    stack = {"broker": {"version": "9.9.9", "erlang": "77"}}
    facts = manifest.manifest(None, stack, ["/usr/bin/warren", "tune", "--matrix"])
    text = markdown.render(found, facts)
    for figure in (
        "| ▸ 2 × threads -c 64, prefetch 128, quorum | 151 | 10.0 ms | 100 | 6 |  |",
        "| (now) 2 × threads -c 32, prefetch 64, quorum | 100 |",
        "| 2 × threads -c 64, prefetch 128, quorum, early ack | 302 |",
        "| early-ack | 1,210 | 37 | 0 | 37 of 1,210",
        "| rpc | – | – | – | It can lose results. No fault run shows it",
        "RabbitMQ 9.9.9 on Erlang 77",
        "$ warren tune --matrix\n",
        "3 combinations, such as: it is too long",
        "10 minutes: ",
        "A note.",
    ):
        assert figure in text, figure
    # A run of which nothing is known but its tune.json still makes a document.
    assert "1 January 1970" in markdown.render(found, {})


def test_the_page_has_a_picture_for_each_task(tmp_path: Path):
    found = tuned(walk(runs(NOW, 100), runs(EARLY, 300)), walk(runs(NOW, 10, tail=None)))
    text = page.write(tmp_path, found).read_text()
    assert '"pareto-0":{' in text and '"pareto-1"' not in text
    assert "what became" not in text and "37 of 1,210 accepted tasks missing" in text
    assert "connect-src" not in text and "default-src 'none'" in text


@pytest.fixture
def warren(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs `warren tune` in a folder with a stack.yml."""
    (tmp_path / "stack.yml").write_text(STACK.read_text())
    monkeypatch.chdir(tmp_path)
    return lambda *words: CliRunner().invoke(tune_command, words)


def keep(tmp_path: Path, found: Tune) -> Path:
    folder = tmp_path / "results" / "run"
    folder.mkdir(parents=True)
    return document.write(folder, found)


def test_an_earlier_run_is_shown_as_a_diff_and_written_when_told(warren: Callable[..., Result], tmp_path: Path):
    path = keep(tmp_path, tuned(walk(runs(NOW, 100), runs(BIG, 150))))
    shown = warren("--from", str(path.parent))
    assert shown.exit_code == 0, shown.output
    assert "-    concurrency: 32         # threads in each process: what waits needs no core\n" in shown.output
    assert "+    concurrency: 64         # threads in each process: what waits needs no core\n" in shown.output
    assert (tmp_path / "stack.yml").read_text() == STACK.read_text()
    written = warren("--from", str(path), "--write", "--markdown", "tuning.md")
    assert written.exit_code == 0, written.output
    assert load_contract(tmp_path / "stack.yml").pools["io"].concurrency == 64
    assert "# Which settings: the matrix" in (tmp_path / "tuning.md").read_text()
    assert "stays as it is" in warren("--from", str(path)).output


def test_nothing_is_written_of_a_run_that_lost_tasks_or_was_cut_short(warren: Callable[..., Result], tmp_path: Path):
    path = keep(tmp_path, tuned(walk(runs(NOW, 100), runs(BIG, 150))))
    lost = runs(HUGE, 50)
    lost[0].missing = 1
    for found, code, said in (
        (tuned(walk(runs(NOW, 100), runs(BIG, 150), lost)), 3, "safe settings lost tasks"),
        (tuned(walk(runs(NOW, 100), runs(BIG, 150)), interrupted=True), 2, "the run was interrupted"),
        (tuned(walk(runs(NOW, 100), runs(BIG, 150)), error="no disk"), 2, "ended before all was measured: no disk"),
    ):
        document.write(path.parent, found)
        refused = warren("--from", str(path), "--write")
        assert (refused.exit_code, f"stack.yml is not written: {found.unfit}" in refused.output) == (code, True)
        assert said in found.unfit
        shown = warren("--from", str(path)).output
        assert "+    concurrency: 64" in shown and f"not to be written: {found.unfit}" in shown
    nothing = tuned(walk([Measured(candidate=NOW, corners=[], rung=0, reasons=["late"])]))
    document.write(path.parent, nothing)
    assert warren("--from", str(path), "--write").exit_code == 1
    assert (tmp_path / "stack.yml").read_text() == STACK.read_text()


def test_a_stack_file_that_cannot_be_written_is_said(
    warren: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = keep(tmp_path, tuned(walk(runs(NOW, 100), runs(BIG, 150))))
    monkeypatch.setattr(documents, "write_text", full)
    refused = warren("--from", str(path), "--write")
    assert (refused.exit_code, refused.exception.__class__) == (2, SystemExit)
    assert "stack.yml cannot be written: No space left on device" in refused.output


def test_one_pool_has_one_setting(warren: Callable[..., Result], tmp_path: Path):
    path = keep(tmp_path, tuned(walk(runs(NOW, 100), runs(BIG, 150)), walk(runs(NOW, 100), runs(HUGE, 150))))
    shown = warren("--from", str(path)).output
    assert "note: pool io: sleep would have 8 × threads -c 64" in shown
    assert "+    concurrency: 64" in shown and "processes: 8" not in shown


def test_bad_tune_files_are_refused_with_the_cure(warren: Callable[..., Result], tmp_path: Path):
    path = keep(tmp_path, tuned(walk(runs(NOW, 100), runs(BIG, 150))))
    whole = path.read_text()
    for text, complaint in (
        (whole[: len(whole) // 2], "cut off, or not JSON"),
        (json.dumps(json.loads(whole) | {"version": 99}), "version 99, and this Warren reads 1"),
        (json.dumps(json.loads(whole) | {"walks": 3}), "walks: Input should be a valid list"),
    ):
        path.write_text(text)
        refused = warren("--from", str(path), "--write")
        assert (refused.exit_code, complaint in refused.output) == (2, True), refused.output
    path.write_text(json.dumps(json.loads(whole) | {"machines": ["elsewhere"]}))
    elsewhere = warren("--from", str(path), "--write")
    assert (elsewhere.exit_code, "measured on elsewhere; this is" in elsewhere.output) == (2, True), elsewhere.output
    assert "+    concurrency: 64" in warren("--from", str(path)).output
    nothing = warren("--from", "nowhere")
    assert (nothing.exit_code, "`warren tune` writes one" in nothing.output) == (2, True)
    assert (tmp_path / "stack.yml").read_text() == STACK.read_text()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--axis", "kind=gevent"], "kind=gevent: there is solo, threads, prefork"),
        (["--axis", "kind"], "an axis and its values are wanted"),
        (["--budget", "10s"], "--budget 10s is too short for even one rung of two candidates: at least"),
        (["--budget", "soon"], "is not a duration"),
        (["--short", "--budget", "5m"], "leave out --budget"),
        (["--short", "--matrix"], "leave out --budget and --matrix"),
        (["--slo", "lost=0"], "a percentile of a task's latency is wanted"),
        (["--slo", "fast"], "is no objective"),
        (["--args", "[1"], "not JSON"),
        (["--axis", "processes=2", "--axis", "kind=solo", "--axis", "concurrency=1", "--axis", "prefetch=64",
          "--axis", "queue_type=quorum", "--axis", "ack=late", "--axis", "confirms=on"], "no other combination"),
        (["--stack", "nowhere.yml"], "cannot be read"),
        (["--task", "add", "--result-store", "mongodb://me:secret@h"], "--result-store mongodb…: an address of one of"),
        (["--task", "add", "--result-store", "redis://:secret@[h"], "what number 1 names is no address"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_before_anything_starts(
    words: list[str], complaint: str, warren: Callable[..., Result], tmp_path: Path
):
    refused = warren(*words)
    assert refused.exit_code == 2, refused.output
    assert complaint in " ".join(refused.output.split()) and "secret" not in refused.output, refused.output
    assert not list(tmp_path.glob("results/*")) and not list(tmp_path.glob(".warren"))
