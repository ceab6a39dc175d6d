"""The table of benchmarks/peers: verdicts, Markdown, pages with markers, and what the command refuses."""

import itertools
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.contract import Contract, load_contract
from benchmarks.peers import brokers, command, document, measure, table
from benchmarks.peers.__main__ import main
from benchmarks.peers.catalogue import OURS, PEERS, USERS, Peer, at_once
from benchmarks.peers.document import MEASURES, BadPeers, Outcome, Peers

STACK = Path(__file__).parents[3] / "stack.yml"
OUR_RATES = [100.0, 101.0, 99.0, 102.0, 98.0]
FASTER = [each * 2 for each in OUR_RATES]


def outcome(name: str, values: list[float | None], missing: int = 0, reasons: list[str] | None = None) -> Outcome:
    ours = None if name == OURS else OUR_RATES
    return Outcome(
        name=name,
        title=PEERS[name].title,
        safety=PEERS[name].safety,
        versions={"pika": "1.0"},
        settings=[("a setting", "https://example.org/docs"), ("another", "stack.yml")],
        notes=["a note"],
        measures={each: document.measure(each, values, ours, reasons or []) for each in MEASURES},
        missing=missing,
        duplicated=0,
        refused=0,
    )


def peers(*outcomes: Outcome, asked: int = 5) -> Peers:
    host = {"hostname": "secret-host", "cpu": "a processor", "cores": 2, "memory": 2**33}
    about = {"host": host, "stack": {"broker": {"version": "4.0", "erlang": "27"}}, "versions": {"python": "3.13"}}
    return Peers(
        run="a-run",
        started=1_800_000_000,
        rounds=5,
        asked=asked,
        seed=1,
        command="python -m benchmarks.peers",
        level=document.level(),
        manifest=about,
        peers=list(outcomes),
        left_out={"rq": "there is no server"},
        notes=[],
    )


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        (FASTER, "ahead of us"),
        ([each / 2 for each in OUR_RATES], "behind"),
        ([99.5, 100.5, 101.5, 98.5, 100.1], "not told apart"),
        (FASTER[:4], "too few runs"),
        ([None] * 5, "no number"),
        # A run that says nothing leaves its round out, on both sides.
        ([*FASTER[:4], None], "too few runs"),
    ],
)
def test_a_peer_is_judged_by_its_rounds(values: list[float | None], verdict: str):
    found = document.measure("published", values, OUR_RATES, [])
    assert found.verdict == verdict
    if found.ratio:
        assert found.ratio.low <= found.ratio.value <= found.ratio.high


def test_without_ours_there_is_a_median_and_no_verdict():
    found = document.measure("published", FASTER, [], [])
    assert (found.median, found.ratio, found.verdict) == (200.0, None, "too few runs")


def test_the_table_says_who_is_ahead_who_lost_and_what_could_not_be_measured():
    text = table.markdown(
        peers(
            outcome(OURS, OUR_RATES),
            outcome("pika", FASTER, missing=7),
            outcome("dramatiq", [None] * 5, reasons=["late"]),
        )
    )
    row = next(line for line in text.splitlines() if line.startswith("| **plain pika"))
    assert "200 [196, 204]<br>2.00× [" in row
    assert row.endswith("ahead of us | 7 | 0 |")
    assert "plain pika (the floor) is ahead of us in full queue, no-op: 2.00×" in text
    assert "no number" in next(line for line in text.splitlines() if line.startswith("| **Dramatiq"))
    assert "Dramatiq, HTTP to done, no-op: late" in text
    assert "rq is left out: there is no server" in text
    assert "a processor, 2 cores" in text
    assert "secret-host" not in text
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1


def test_interval_and_verdict_are_told_to_be_two_questions():
    """Five rounds of which one overlaps: the interval leaves out 1, the rank test of five columns does not tell."""
    found = outcome("pika", [*FASTER[:4], 101.5])
    published = found.measures["published"]
    assert (published.verdict, published.ratio and published.ratio.low > 1) == ("not told apart", True)
    text = table.markdown(peers(outcome(OURS, OUR_RATES), found))
    assert "no difference" not in text
    assert "an interval without 1.00 may still be *not told apart*, a hint and no finding" in text
    assert "Unfinished" not in text


def made_turn(rate: float) -> measure.Turn:
    http = measure.HttpRun(rate, 0, 0, 0, [])
    return measure.Turn(*({"noop": rate, "sleep": rate} for _ in range(2)), {"noop": http, "sleep": http})


@pytest.fixture
def without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker and no manifest of the machine; a turn is made by whoever tests."""
    monkeypatch.setattr(command, "_brokers", lambda *_: ({}, {}))
    monkeypatch.setattr(command.interrupt, "install", lambda: None)


@pytest.mark.usefixtures("without_processes")
def test_a_peer_that_fails_late_and_an_interrupt_cost_no_round_that_is_done(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def turn(_site: measure.Site, peer: Peer, number: int, over_http: bool) -> measure.Turn:
        if (peer.name, number) == ("pika", 2):
            raise measure.PeerFailed("a process ended with code 1")
        if (peer.name, number) == (OURS, 4):
            raise KeyboardInterrupt
        return made_turn(100.0 * number)

    monkeypatch.setattr(command, "turn", turn)
    words = ["--only", OURS, "--only", "pika", "--repeats", "9", "--results", str(tmp_path)]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, "UNFINISHED: 3 of 9 rounds" in done.output) == (130, True), done.output
    (folder,) = tmp_path.iterdir()
    found = document.read(folder)
    assert {peer.name: peer.measures["published"].values for peer in found.peers} == {
        OURS: [100.0, 200.0, 300.0],
        "pika": [100.0, None, None],
    }
    text = (folder / "peers.md").read_text()
    assert "**Unfinished: 3 of 9 rounds.** Medians of 3 interleaved rounds" in text
    assert "pika is left out: round 2 failed: a process ended with code 1" in text


def test_a_page_keeps_all_but_what_stands_between_the_markers(tmp_path: Path):
    found, page = peers(outcome(OURS, OUR_RATES)), tmp_path / "page.md"
    page.write_text("before\n<!-- peers:table -->\nold\n<!-- /peers:table -->\nafter\n")
    document.write(tmp_path, found)
    for _ in range(2):  # again gives the same
        done = CliRunner().invoke(main, ["--markdown", str(tmp_path), "--into", str(page)])
        assert done.exit_code == 0, done.output
        text = page.read_text()
        assert text == f"before\n<!-- peers:table -->\n{table.markdown(found)}<!-- /peers:table -->\nafter\n"


def test_the_projects_own_page_has_both_markers(tmp_path: Path):
    page = tmp_path / "peers.md"
    page.write_text((Path(__file__).parents[3] / "docs" / "peers.md").read_text())
    table.insert(page, peers(outcome("pika", FASTER)))
    text = page.read_text()
    assert "ahead of us" in text
    assert "a setting ([example.org](https://example.org/docs))" in text


def test_a_page_without_markers_and_a_folder_without_a_run_are_refused(tmp_path: Path):
    (tmp_path / "page.md").write_text("text\n")
    with pytest.raises(BadPeers, match="put the lines <!-- peers:table -->"):
        table.insert(tmp_path / "page.md", peers(outcome(OURS, OUR_RATES)))
    done = CliRunner().invoke(main, ["--markdown", str(tmp_path)])
    assert (done.exit_code, "`make peers` writes one" in done.output) == (2, True)
    (tmp_path / document.FILE).write_text("{")
    done = CliRunner().invoke(main, ["--markdown", str(tmp_path)])
    assert (done.exit_code, "cut off, or of another version" in done.output) == (2, True)


def test_an_unknown_peer_is_refused_with_the_names_there_are():
    done = CliRunner().invoke(main, ["--only", "huey"])
    assert (done.exit_code, "dramatiq" in done.output) == (2, True)


def test_without_a_valkey_its_peers_are_left_out_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(brokers, "server_program", lambda: None)
    done = CliRunner().invoke(main, ["--only", "rq", "--results", str(tmp_path)])
    assert (done.exit_code, "rq is left out: there is no valkey-server" in done.output) == (2, True), done.output
    assert not list(tmp_path.iterdir())
    assert brokers.missing(PEERS["dramatiq"]) is None


def _with_web(**settings: int) -> Contract:
    contract = load_contract(STACK)
    return contract.model_copy(update={"web": contract.web.model_copy(update=settings)})


def test_every_front_end_has_the_processes_and_threads_of_the_contract():
    contract = _with_web(processes=3, threads=17)
    shapes = {name: " ".join(measure._front(peer, 80, contract)) for name, peer in PEERS.items()}
    assert shapes.pop(OURS).endswith("app web")  # which reads the same contract
    assert "--workers 3" in shapes["taskiq"]
    del shapes["taskiq"]  # a loop in each process
    assert all("--workers 3" in each and "--blocking-threads 17" in each for each in shapes.values()), shapes
    assert at_once(contract) == 17
    # No more calls than the generator's requests that reach one process.
    assert at_once(_with_web(processes=3, threads=USERS)) == USERS // 3


def test_every_setting_names_its_source():
    for peer in PEERS.values():
        assert peer.settings
        assert all(setting.source.startswith("https://") or "." in setting.source for setting in peer.settings)


class Queue:
    """A queue that loses so many messages with each look; twice as many when its second consumer has come."""

    def __init__(self, count: int, step: int, second: int = 0) -> None:
        self.left, self.step, self.second, self.emptied = count, step, second, False

    def __call__(self) -> tuple[int, int]:
        consumers = 2 if self.left <= self.second else 1
        self.left = max(0, self.left - self.step * consumers)
        return self.left, 2 if self.left <= self.second else 1

    def empty(self) -> None:
        self.emptied = True


# Without a second one at all it is counted from the half.
@pytest.mark.parametrize(("second", "rate"), [(800, 2000), (-1, 1000)])
def test_the_clock_of_a_full_queue_starts_when_all_workers_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, second: int, rate: float
):
    queue, clock = Queue(1000, 100, second), itertools.count()
    monkeypatch.setattr(measure.time, "monotonic", lambda: next(clock) / 10)
    assert measure._drain(queue, 1000, 2, [], tmp_path / "log") == pytest.approx(rate)  # type: ignore[arg-type]
    assert queue.emptied


def test_workers_that_take_nothing_are_an_error_with_their_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(measure, "PATIENCE", 0.1)
    (tmp_path / "log").write_text("no broker there\n")
    with pytest.raises(measure.PeerFailed, match="no broker there"):
        measure._drain(Queue(1000, 0), 1000, 2, [], tmp_path / "log")  # type: ignore[arg-type]
