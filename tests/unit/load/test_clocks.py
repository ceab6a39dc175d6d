"""Offsets of clocks: the estimate and its bound, what it says of stages, and what the report shows of it."""

import random
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from loadtests.analysis import clocks, manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.clocks import Clock, Reading
from loadtests.analysis.result import Result
from loadtests.clocks import ask
from loadtests.clocks.ask import PROGRAM, NoAnswer, Way, best, read
from loadtests.clocks.watch import GONE, watched
from loadtests.report import page, terminal

from ...made_run import START, MadeRun

MS = 1_000_000  # nanoseconds
# Puts a machine's clock 12 s ahead, below the very program that is run in earnest.
AHEAD = "import time\n_now = time.time_ns\ntime.time_ns = lambda: _now() + 12_000_000_000\n"


def way(machine: str = "far", program: str = PROGRAM, same: bool = False, stamps: Any = ("worker",)) -> Way:
    return Way(machine, (sys.executable, "-c", program), "ssh", same, stamps)


# The estimate


@pytest.mark.parametrize("offset", [0, 12 * MS, -3_600_000 * MS])
def test_the_truth_is_within_the_bound_however_unequal_the_two_ways_are(offset: int) -> None:
    draw = random.Random(offset)
    for _ in range(200):
        now, samples = int(START * 1e9), []
        for _ in range(8):
            there, back = int(draw.expovariate(1 / MS)), int(draw.expovariate(1 / (20 * MS)))
            samples.append((now, now + there + offset, now + there + back))
            now += 50 * MS
        found = best(samples)
        assert abs(found.offset - offset / 1e9) <= found.bound
        assert found.bound == min(answered - asked for asked, _, answered in samples) / 2e9


def test_the_shortest_round_trip_is_taken() -> None:
    found = best([(0, 9 * MS, 10 * MS), (100 * MS, 101 * MS, 102 * MS), (200 * MS, 200 * MS, 208 * MS)])
    assert (found.offset, found.bound, found.count) == (0.0, 0.001, 3)


def test_a_round_trip_in_which_our_own_clock_was_set_back_does_not_count() -> None:
    assert best([(10 * MS, 5 * MS, 4 * MS), (20 * MS, 21 * MS, 24 * MS)]).count == 1
    with pytest.raises(NoAnswer, match="own clock was set"):
        best([(10 * MS, 5 * MS, 4 * MS)])


def test_drift_is_what_changed_and_has_the_bounds_of_both_readings() -> None:
    clock = Clock(machine="far", how="ssh", same=False, stamps=["worker"])
    clock.before = Reading(at=0, offset=0.010, bound=0.001, count=1)
    assert (clock.drift, clock.range) == (None, pytest.approx((0.009, 0.011)))
    clock.after = Reading(at=9, offset=0.013, bound=0.002, count=1)
    assert clock.drift == pytest.approx((0.003, 0.003))
    assert clock.range == pytest.approx((0.009, 0.015))


# Real processes at the other end of a pipe


def test_a_machine_whose_clock_is_ahead_is_found_to_be() -> None:
    found = read([way("ahead", AHEAD + PROGRAM), way("right")])
    ahead, right = found["ahead"], found["right"]
    assert isinstance(ahead, Reading) and isinstance(right, Reading)
    assert abs(ahead.offset - 12) <= ahead.bound < 6
    assert abs(right.offset) <= right.bound
    assert ahead.count > 1


def test_who_gives_no_time_is_told_with_the_reason_and_the_others_are_still_read() -> None:
    refuses = way("refuses", "import sys; sys.exit('no way in')")
    mutters = way("mutters", "print('Welcome!', flush=True); input()")
    found = read([refuses, mutters, way()])
    assert isinstance(found.pop("far"), Reading)
    assert {name: str(said) for name, said in found.items()} == {
        "refuses": "no way in",
        "mutters": "it answered b'Welcome!\\n', which is no time",
    }


def test_who_hangs_is_not_waited_for_without_end(monkeypatch: Any) -> None:
    monkeypatch.setattr(ask, "PATIENCE", 0.2)
    assert str(read([way("hangs", "import time; time.sleep(60)")])["hangs"]) == "no answer within 0.2 s"


def test_both_readings_go_into_the_manifest_and_a_machine_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    manifest.write(tmp_path, {"stack": {"target": "hosts"}})
    there = [way("stays"), way("goes"), way("falls silent")]
    with watched(tmp_path, lambda: there):
        before = {each["machine"]: each for each in manifest.read(tmp_path)[clocks.MANIFEST]}
        there[1:] = [way("falls silent", "import sys; sys.exit('Connection refused')"), way("comes")]
    after = {each["machine"]: Clock.model_validate(each) for each in manifest.read(tmp_path)[clocks.MANIFEST]}
    assert (set(before), set(after)) == ({"stays", "goes", "falls silent"}, {*before, "comes"})
    assert after["stays"].drift
    assert after["goes"].unread == {"after": GONE}
    assert after["falls silent"].unread == {"after": "Connection refused"}
    assert (after["comes"].before, manifest.read(tmp_path)["stack"]) == (None, {"target": "hosts"})


def test_an_interrupted_load_keeps_what_was_read_before_it(tmp_path: Path) -> None:
    manifest.write(tmp_path, {})
    with pytest.raises(KeyboardInterrupt), watched(tmp_path, lambda: [way()]):
        raise KeyboardInterrupt
    (clock,) = manifest.read(tmp_path)[clocks.MANIFEST]
    assert clock["before"] and not clock["after"]


# What follows for a result: 200 tasks of 1 ms a stage, on web and worker machines


def analysed(run: MadeRun, *read: Clock, target: str = "hosts") -> Result:
    run.tasks(200)
    results = run.close()
    content = manifest.manifest(None, {"target": target}) | {clocks.MANIFEST: [each.model_dump() for each in read]}
    manifest.write(results, content)
    return analyse(results, Asked())


def clock(machine: str, part: Any, offset: float, bound: float = 0.00001, same: bool = False) -> Clock:
    reading = Reading(at=START, offset=offset, bound=bound, count=20)
    return Clock(machine=machine, how="ssh", same=same, stamps=[part], before=reading, after=reading)


def marked(result: Result) -> dict[str, float]:
    return clocks.doubtful(result.latency, result.clocks)


def test_stages_between_machines_are_marked_when_the_clocks_may_have_made_them(made_run: Any) -> None:
    result = analysed(made_run(host="http://web1"), clock("web1", "web", 0.00002), clock("worker1", "worker", 0.012))
    found = marked(result)
    # Some ms each: web1 is within 5 % of it, worker1 is not. Stages within one machine are never marked.
    crossing = {"published_to_received", "confirmed_to_received", "finished_to_known", "scheduled_to_finished"}
    assert set(found) == crossing
    assert found["published_to_received"] == pytest.approx(0.012 - 0.00002 + 0.00002)
    (note,) = [each for each in result.notes if "do not rely on" in each]
    assert "published → received (p50 2.0 ms, wrong by up to 12.0 ms)" in note


def test_the_worst_pair_of_machines_counts(made_run: Any) -> None:
    several = clock("web1", "web", -0.004), clock("worker1", "worker", 0.0), clock("worker2", "worker", 0.003)
    found = marked(analysed(made_run(host="http://web1"), *several))
    assert found["published_to_received"] == pytest.approx(0.007 + 0.00002)


def test_one_machine_for_front_end_and_workers_spoils_nothing_between_them(made_run: Any) -> None:
    both = clock("all", "web", 0.5, 0.001)
    both.stamps = ["web", "worker"]
    found = marked(analysed(made_run(host="http://all"), both))
    assert "published_to_received" not in found
    assert found["sent_to_published"] == pytest.approx(0.501)


def test_the_same_clock_is_no_offset_unless_the_check_says_otherwise(made_run: Any) -> None:
    coarse = [clock("web1", "web", 0.001, 0.002, same=True), clock("worker1", "worker", -0.001, 0.002, same=True)]
    result = analysed(made_run(host="http://web1"), *coarse)
    assert (marked(result), result.notes) == ({}, [])


def test_a_clock_that_ought_to_be_the_same_and_is_not_is_told(made_run: Any) -> None:
    off = [clock("web1", "web", 0.0, same=True), clock("worker1", "worker", 0.030, same=True)]
    result = analysed(made_run(host="http://web1"), *off)
    assert "worker1 ought to have the generator's clock, and is +30.0 ms off" in result.notes
    assert "published_to_received" in marked(result)


def test_without_a_way_in_the_records_bound_the_clocks_of_front_end_and_workers(made_run: Any) -> None:
    run = made_run(host="https://far.example")
    draw = random.Random(1)
    for number in range(400):
        at, sent = number / 100, number / 100 + draw.uniform(0.001, 0.02)
        # The front end is 5 s ahead, the workers 2 s behind; each way and each stage takes some milliseconds.
        steps = [sent]
        for _ in range(6):
            steps.append(steps[-1] + draw.uniform(0.001, 0.02))
        _, published, confirmed, received, started, finished, known = steps
        answered = confirmed + draw.uniform(0.001, 0.02)
        run.send(f"t{number}", at, sent=sent, published=published + 5, confirmed=confirmed + 5, answered=answered)
        there = {"received": received - 2, "started": started - 2, "finished": finished - 2}
        run.record(f"t{number}", at, known=known, worker=f"fast-0@{'one' if number % 2 else 'two'}", **there)
    result = analyse(run.close(), Asked())
    found = {each.machine: each for each in result.clocks}
    assert set(found) == {clocks.FRONT_END, "one", "two"}
    for name, truth in ((clocks.FRONT_END, 5), ("one", -2), ("two", -2)):
        assert len(found[name].readings) == 2
        for reading in found[name].readings:
            assert abs(reading.offset - truth) <= reading.bound < 0.01
    assert "sent_to_published" in marked(result)
    # By the workers' clock all was done 2 s before it was done, and nothing in the last 2 s.
    assert result.latency_run is not None and result.latency_run.growth == 0
    assert 95 < (result.latency_run.done or 0) < 105


def test_a_backlog_is_not_judged_by_clocks_that_nobody_knows(made_run: Any) -> None:
    run = made_run(host="http://web1")
    lost = clock("worker2", "worker", 0.0)
    lost.before = lost.after = None
    result = analysed(run, lost)
    assert result.latency_run is not None and (result.latency_run.done, result.latency_run.growth) == (None, None)
    assert any("the workers' clocks are not known" in note for note in result.notes)


def test_one_machine_that_carries_everything_has_no_clocks_to_compare(made_run: Any) -> None:
    assert analysed(made_run(host="http://127.0.0.1:1"), target="local").clocks == []


def test_a_front_end_on_loopback_has_our_clock(made_run: Any) -> None:
    here = made_run(host="http://127.0.0.1:1", generator={"hostname": "here"})
    result = analysed(here, target="url")
    assert [(each.machine, each.same, each.surprising) for each in result.clocks] == [
        (clocks.FRONT_END, True, False),
        ("here", True, False),
    ]
    assert (marked(result), result.notes) == ({}, [])


# What people see


def test_page_and_terminal_show_offsets_with_their_bounds_and_what_to_distrust(made_run: Any, tmp_path: Path) -> None:
    lost = clock("worker2", "worker", 0.012, 0.0004)
    lost.after, lost.unread = None, {"after": "Connection refused"}
    result = analysed(made_run(host="http://web1"), clock("web1", "web", 0.0, same=True), lost)
    text = page.write(tmp_path / "run", result).read_text()
    assert "+12.0 ms ± 400 µs" in text
    assert "the same clock" in text
    assert "not read after the load: Connection refused" in text
    assert text.count("⚠ the clocks differ: wrong by up to 12.4 ms") == 4
    console = Console(record=True, width=200, file=(tmp_path / "said").open("w"))
    terminal.show(result, console)
    said = console.export_text()
    assert "+12.0 ms ± 400 µs" in said
    assert "worker2: its clock was not read after the load: Connection refused" in said


def test_where_clocks_do_not_matter_the_terminal_says_nothing_of_them(made_run: Any, tmp_path: Path) -> None:
    result = analysed(made_run(host="http://web1"), clock("web1", "web", 0.0), clock("worker1", "worker", 0.0))
    console = Console(record=True, width=200, file=(tmp_path / "said").open("w"))
    terminal.show(result, console)
    assert "ahead by" not in console.export_text()
    assert "<h2>Clocks</h2>" in page.write(tmp_path / "run", result).read_text()
