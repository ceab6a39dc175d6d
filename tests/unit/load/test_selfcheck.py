"""Each check finds fault with an instrument that is wrong, and with nothing else; a busy machine is not its fault."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.histograms import Latency
from loadtests.selfcheck import broker, http, instruments, real_pairs, saturated, stall
from loadtests.selfcheck.checks import CHECKS, chosen
from loadtests.selfcheck.command import FAILED, OK, code, judge
from loadtests.selfcheck.document import Check, Row, SelfCheck
from loadtests.selfcheck.ground import NotDone, ProgramFailed
from loadtests.selfcheck.simulated import at_least, at_most, windows_by_chance
from loadtests.selfcheck.stub import Answers

RATE, AT = 100.0, 4.0
MADE = stall.Made(stall=2.0, drain=0.1, length=12.0)


def failed(rows: list[Row]) -> list[str]:
    return [row.what for row in rows if not row.ok]


def lives() -> list[stall.Life]:
    """Arrivals at a constant rate at a server that stands still for a time, and then answers what piled up in turn."""
    told, end = [], AT + MADE.stall
    each = MADE.drain / (MADE.stall * RATE)
    free = end
    for due in np.arange(0, MADE.length, 1 / RATE):
        if due >= AT:
            free = max(free + each, due)
        told.append((due, max(free if due >= AT else due, due) + stall.ANSWERS.floor))
    return told


def measured(told: list[stall.Life]) -> Latency:
    p50, p90, p99 = np.percentile([answered - due for due, answered in told], [50, 90, 99])
    return Latency(p50=p50, p90=p90, p99=p99, p999=None, max=None, mean=None, count=len(told), negative=0, reasons={})


def test_a_stall_by_hand_is_what_arrivals_on_a_schedule_suffer():
    latency, wait = measured(lives()), measured(stall.answered_in_turn(lives())).p99
    assert latency.p90 == pytest.approx(MADE.by_hand(0.9), abs=0.02)
    assert latency.p99 == pytest.approx(MADE.by_hand(0.99), abs=0.02)
    assert MADE.by_hand(0.99) == pytest.approx(2 - 0.01 * 12 * 0.95 + stall.ANSWERS.floor)
    assert failed(stall.judge(latency, MADE, wait)) == []


def test_percentiles_of_a_generator_that_waits_for_answers_are_found_out():
    """It left out nearly all that was due in the stall."""
    waited = stall.answered_in_turn(lives())
    assert len(lives()) - len(waited) == pytest.approx((MADE.stall + MADE.drain) * RATE, abs=15)
    rows = stall.judge(measured(waited), MADE, 0.02)
    assert failed(rows) == ["p90", "p99"]
    # No machine is so busy that it made latencies shorter.
    assert judge(rows, others=1.9).verdict == "failed"


def test_the_known_front_end_has_its_percentiles_in_any_stretch():
    answers = Answers(0.05, 0.05)
    drawn = [time for time, _ in zip(answers.each(), range(3000), strict=False)]
    for begin in (0, 777, 2000):
        found = np.percentile(drawn[begin : begin + 1000], [50, 90, 99])
        assert found == pytest.approx([answers.quantile(share) for share in (0.5, 0.9, 0.99)], rel=0.02)


def test_a_saturated_generator_that_gives_numbers_is_found_out(made_run):
    kept_up, late = made_run(), made_run()
    kept_up.tasks(2000)
    good = analyse(kept_up.close(), Asked())
    assert failed(saturated.judge([good], ["sustained"])) == [
        "called saturated",
        "gave a number",
        "called sustained by the search",
    ]
    late.generator(1.0, cpu=0.99)
    flagged = analyse(late.close(), Asked())
    assert failed(saturated.judge([flagged, flagged], ["overloaded", "generator saturated"])) == []


def told(rate: float = 200.0, factor: float = 1.0) -> http.Told:
    return http.Told(rate, {"p50": 0.1 * factor, "p90": 0.2 * factor, "p99": 0.3})


def test_percentiles_more_than_a_twentieth_apart_do_not_agree():
    assert failed(http.judge([told(factor=1.04)], [told()])) == []
    assert failed(http.judge([told(factor=0.94)], [told()])) == ["p50", "p90"]
    assert failed(http.judge([told(rate=180)], [told()])) == ["answers/s"]
    # One odd run of several does not decide it.
    assert failed(http.judge([told(), told(factor=3), told()], [told()] * 3)) == []


def test_the_other_generators_report_is_read_or_refused():
    times = '"latencies": {"50th": 84000000, "90th": 165000000, "99th": 280000000}, "rate": 200.1, "throughput": 150.2'
    assert http.read(f'{{{times}, "success": 1}}') == http.Told(150.2, {"p50": 0.084, "p90": 0.165, "p99": 0.28})
    # Two thousand requests in ten seconds, and the last of them is answered five seconds later.
    late = [(number / 200, number / 200 + (5.005 if number == 1999 else 0.1)) for number in range(2000)]
    assert http.answered(late) == pytest.approx(2000 / 15)
    with pytest.raises(ProgramFailed, match="not answered each time"):
        http.read(f'{{{times}, "success": 0.99}}')
    with pytest.raises(ProgramFailed, match="cannot be read"):
        http.read("vegeta: nonsense")


def test_one_message_too_few_is_found_out_though_the_rates_agree():
    flow: dict[str, Any] = {"sent": 6000, "ours": 1010.0, "theirs": 1000.0, "counted": 6000, "broker": 6000}
    assert failed(broker.judge("it", [broker.Flow(**flow)])) == []
    assert failed(broker.judge("it", [broker.Flow(**flow | {"counted": 5999})])) == ["it: count"]
    assert failed(broker.judge("it", [broker.Flow(**flow | {"broker": 6001})])) == ["it: count"]
    assert failed(broker.judge("it", [broker.Flow(**flow | {"ours": 940.0})])) == ["it: messages/s"]


def test_both_count_the_same_messages_of_a_flow(tmp_path: Path):
    file = tmp_path / "out.csv"
    rates = ["", "0", "40", "199", "201", "200", "7", ""]
    rows = "".join(f"x,{number + 1},{rate}\n" for number, rate in enumerate(rates))
    file.write_text(f"id,time (s),received (msg/s)\n{rows}")
    found = broker.each_second(file, "received")
    assert broker.steady(found) == [199, 201, 200]
    assert broker.summed(found)[-1] == (8, 647)
    with pytest.raises(ProgramFailed, match="cannot be read"):
        broker.each_second(file, "published")
    # It stood still for a while, and each looked at instants of its own.
    flow = [(0.0, 0.0), (3.0, 300.0), (5.0, 300.0), (12.0, 1000.0)]
    other = [(at + 100, np.interp(at, *zip(*flow, strict=True))) for at in np.arange(0, 12.1, 0.25)]
    assert broker.middle(flow, 1000) == pytest.approx(600 / 8)
    assert broker.middle(other, 1000) == pytest.approx(600 / 8, rel=0.01)


def test_errors_and_power_have_their_bounds():
    assert (at_most("A/A", 50, 1000).ok, at_most("A/A", 51, 1000).ok) == (True, False)
    assert (at_least(900, 1000).ok, at_least(899, 1000).ok) == (True, False)


def test_a_side_that_is_always_a_little_ahead_is_found_out_by_windows_of_its_pairs():
    rng = np.random.default_rng(5)
    a, b = rng.normal(100, 1, 12), rng.normal(100, 1, 12)
    alike, biased = (real_pairs.in_order(list(a), list(b + ahead)) for ahead in (0, 3))
    assert (alike.ok, biased.ok, biased.seen) == (True, False, "7")
    # In the short form as well: two windows, of which chance calls both different hardly ever.
    short, found_out = (real_pairs.in_order(list(a[:5]), list(b[:5] + ahead)) for ahead in (0, 9))
    assert (short.ok, found_out.ok) == (True, False)


def test_things_alike_rarely_have_more_windows_called_different_than_is_allowed():
    rng, most = np.random.default_rng(2), windows_by_chance(12, 6, 0.01)
    found = [real_pairs.in_order(*map(list, rng.normal(100, 1, (2, 12)))).ok for _ in range(300)]
    assert 0 < most < 7
    assert sum(not ok for ok in found) <= 6


def row(ok: bool, by_clock: bool = False) -> Row:
    return Row(what="it", expected="1", seen="2", bound="equal", ok=ok, by_clock=by_clock)


def test_a_busy_machine_is_not_the_instruments_fault_but_a_wrong_count_is():
    busy, free = 1.5, 0.05
    assert judge([row(True), row(True, by_clock=True)], busy).verdict == "passed"
    spoilt = judge([row(True), row(False, by_clock=True)], busy)
    assert (spoilt.verdict, spoilt.again) == ("not told", True)
    assert judge([row(False, by_clock=True)], free).verdict == "failed"
    wrong = judge([row(False), row(False, by_clock=True)], busy)
    assert (wrong.verdict, wrong.again) == ("failed", False)


def report(*verdicts: str) -> SelfCheck:
    common: dict[str, Any] = {"what": "", "why": "", "rows": [], "notes": [], "tries": 1, "seconds": 1.0, "others": 0.0}
    checks = [Check(name=f"c{number}", verdict=verdict, **common) for number, verdict in enumerate(verdicts)]
    return SelfCheck(run="r", started=0.0, short=True, seed=1, machines=[], checks=checks)


@pytest.mark.parametrize(
    ("verdicts", "usual", "all_needed"),
    [
        (["passed"], OK, OK),
        (["passed", "not done"], OK, FAILED),
        (["not told"], OK, FAILED),
        (["passed", "failed"], FAILED, FAILED),
    ],
)
def test_the_exit_code_follows_from_the_verdicts(verdicts: list[str], usual: int, all_needed: int):
    assert (code(report(*verdicts), False), code(report(*verdicts), True)) == (usual, all_needed)


def test_what_is_named_is_done_and_short_leaves_out_what_takes_minutes():
    assert list(chosen((), short=False)) == list(CHECKS)
    assert set(CHECKS) - set(chosen((), short=True)) == {"a-a", "a-b"}
    assert list(chosen(("a-b", "stall"), short=True)) == ["stall", "a-b"]
    assert all(callable(kind.run) for kind in CHECKS.values())


def test_an_instrument_that_is_not_here_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(NotDone, match="make tools ARGS=vegeta"):
        instruments.vegeta(None)
    with pytest.raises(NotDone, match="no `java` on PATH"):
        instruments.perf_test(None)
    with pytest.raises(NotDone, match="that is not the program vegeta"):
        instruments.vegeta(tmp_path / "nothing")
    (tmp_path / "java").write_text("#!/bin/sh\n")
    (tmp_path / "java").chmod(0o755)
    with pytest.raises(NotDone, match="make tools ARGS=perf-test"):
        instruments.perf_test(None)
    made = tmp_path / "warren/tools/perf-test-1/lib"
    made.mkdir(parents=True)
    assert instruments.perf_test(None) == made
