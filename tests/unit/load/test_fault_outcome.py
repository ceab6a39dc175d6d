"""What a fault did to its tasks: every figure here can be checked by hand."""

from pathlib import Path

import pytest

from app.contract import Contract
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.ledger import Ledger
from loadtests.faults import outcome, picture, show
from loadtests.faults.document import Faults, Outcome
from loadtests.faults.hands import Hands
from loadtests.faults.play import Playing, account
from loadtests.faults.schedule import Fault, Schedule

from ...made_run import START, MadeRun

# Ten tasks a second, the first at half a step: none falls on the edge of a second.
STEP, RATE = 0.1, 10
FAULT = START + 5.0


def steady(made: MadeRun, begin: float, end: float, took: float = 0.006, **changes: object) -> None:
    """Tasks that were due from `begin` until `end` and took so long."""
    for number in range(round((end - begin) * RATE)):
        at = begin + STEP / 2 + number * STEP
        made.send(f"t{at:.2f}", at, **changes)
        if changes.get("outcome", "accepted") == "accepted":
            made.record(f"t{at:.2f}", at, received=at + took - 0.002, started=at + took - 0.001, finished=at + took)


def joined(made: MadeRun) -> tuple[Path, Ledger]:
    results = made.close()
    return results, analyse(results, Asked()).ledger


def test_times_count_from_the_fault(made_run):
    made = made_run()
    steady(made, 0, 5)
    # For two seconds each took 1.5 s; then all was as before.
    steady(made, 5, 7, took=1.5)
    steady(made, 7, 14)
    results, _ = joined(made)
    found = outcome.recovery(results, FAULT, FAULT + 2)
    assert found.usual == pytest.approx(0.006, abs=1e-5)
    # The first that was due after the fault was due 0.05 s after it; it took 1.5 s, and nothing ended before it.
    assert found.first_success == pytest.approx(1.55)
    assert found.silence == pytest.approx(1.55)
    assert found.back == 2.0


def test_what_was_refused_counts_as_slow(made_run):
    made = made_run()
    steady(made, 0, 5)
    steady(made, 5, 8, status=503, outcome="refused")
    steady(made, 8, 14)
    results, book = joined(made)
    found = outcome.recovery(results, FAULT, FAULT + 3)
    assert (book.refused, found.back) == (30, 3.0)
    assert found.first_success == pytest.approx(3.056)


def test_one_slow_task_before_the_fault_does_not_make_slow_ones_usual(made_run):
    made = made_run()
    made.send("slow", 1.0)
    made.record("slow", 1.0, finished=3.0)
    steady(made, 0, 5)
    steady(made, 5, 9, took=0.8)
    steady(made, 9, 14)
    results, _ = joined(made)
    found = outcome.recovery(results, FAULT, FAULT + 2)
    assert (found.usual, found.back) == (pytest.approx(0.006, abs=1e-5), 4.0)


def test_latency_that_never_was_worse_needs_no_way_back(made_run):
    made = made_run()
    steady(made, 0, 14)
    results, _ = joined(made)
    assert outcome.recovery(results, FAULT, FAULT + 1).back == 0.0


def test_one_good_second_between_bad_ones_is_no_return(made_run):
    made = made_run()
    steady(made, 0, 5)
    for begin, took in ((5, 0.5), (6, 0.006), (7, 0.5), (8, 0.006), (9, 0.006), (10, 0.006)):
        steady(made, begin, begin + 1, took=took)
    results, _ = joined(made)
    assert outcome.recovery(results, FAULT, FAULT + 1).back == 3.0


def test_a_run_that_ends_too_early_says_that_latency_was_not_seen_back(made_run):
    made = made_run()
    steady(made, 0, 5)
    steady(made, 5, 7, took=0.5)
    steady(made, 7, 9)  # two good seconds, one too few
    results, _ = joined(made)
    assert outcome.recovery(results, FAULT, FAULT + 1).back is None


def test_order_is_broken_by_a_task_that_others_published_a_second_later_overtook(made_run):
    made = made_run()
    steady(made, 0, 5)
    # Held by a worker that died: started after tasks that were published up to three seconds later.
    made.send("held", 4.9)
    made.record("held", 4.9, started=8.0, finished=8.001, redelivered=True)
    # Overtaken by neighbours only.
    made.send("late", 5.5)
    made.record("late", 5.5, started=6.2, finished=6.201)
    steady(made, 5, 9)
    results, _ = joined(made)
    found = outcome.order(results, FAULT)
    assert (found.before, found.after, found.broken) == (0, 1, True)


def test_order_in_another_queue_is_another_order(made_run):
    made = made_run()
    steady(made, 0, 9)
    made.send("slow", 4.0)
    made.record("slow", 4.0, queue="long", started=8.5, finished=8.6)
    results, _ = joined(made)
    assert outcome.order(results, FAULT).after == 0


def test_what_ran_twice_is_explained_by_the_settings(made_run, contract: Contract):
    made = made_run()
    made.tasks(20)
    made.record("t3", 2.0, redelivered=True)
    made.record("t4", 2.0)
    made.send("once", 1.0)
    made.record("once", 1.0, redelivered=True)
    results, book = joined(made)
    found = outcome.twice(results, book, contract)
    assert (book.duplicated, found.redelivered, found.otherwise) == (2, 1, 1)
    first, second, third = found.why.split("; ")
    assert first.startswith("1 ended, and their acknowledgement did not reach the broker")
    assert f"at most {contract.broker.delivery_limit} times, delivery_limit" in first
    assert second.startswith("1 were handed out again and ended once")
    assert third.startswith("1 ended twice without a redelivery")


def test_without_redelivery_there_is_nothing_to_explain(made_run, contract: Contract):
    made = made_run()
    made.tasks(20)
    results, book = joined(made)
    assert outcome.twice(results, book, contract).why == "nothing was handed out again, and nothing ran twice"


class NoHands:
    """For what has been played already."""

    def aim(self, fault: Fault) -> None: ...

    def begin(self, fault: Fault) -> None: ...

    def end(self, fault: Fault) -> None: ...


def played(made: MadeRun, contract: Contract, began: float | None, ended: float | None, tasks: int = 0) -> Outcome:
    fault = Fault(do="worker-kill")
    schedule = Schedule.model_validate(
        {"version": 1, "rate": RATE, "before": "5s", "after": "9s", "tasks": tasks, "faults": {"one": fault}}
    )
    hands: Hands = NoHands()
    told = Playing(fault, hands, 5.0, made.folder / "phase.json", print, lambda now, end: None)
    told.started, told.began, told.ended = START, began, ended
    return account("one", fault, schedule, contract, made.close(), told)


def test_a_run_that_is_not_valid_has_a_ledger_and_no_times(made_run, contract: Contract):
    for began, ended, tasks, reason in (
        (None, None, 0, "the fault never came"),
        (FAULT, None, 0, "not whole again while there was load"),
        (FAULT, START + 15, 0, "not whole again while there was load"),
        (FAULT, FAULT + 1, 500, "140 tasks were accepted, fewer than the 500 that were wanted"),
    ):
        made = made_run()
        steady(made, 0, 14)
        found = played(made, contract, began, ended, tasks)
        assert (found.valid, found.recovery.back, found.ledger.accepted) == (False, None, 140)
        assert reason in found.reasons[0]
        for part in made.folder.glob("*-*.ndjson"):
            part.unlink()


def test_a_task_that_is_missing_is_said_in_capitals(made_run, contract: Contract):
    made = made_run()
    steady(made, 0, 14)
    made.send("lost", 6.0)
    one = played(made, contract, FAULT, FAULT + 1)
    found = Faults(
        **{"run": "r", "target": "local", "started": START, "schedule": "s", "rate": 10, "seed": 1, "tasks": 0},
        **{"settings": {}, "machines": [], "notes": [], "faults": [one]},
    )
    assert not found.balanced
    assert "one: THE LEDGER DOES NOT BALANCE: 1 missing" in show.sentences(found)


def test_the_pictures_mark_the_fault_where_it_was(made_run, contract: Contract):
    made = made_run()
    steady(made, 0, 14)
    one = played(made, contract, FAULT, FAULT + 2)
    specs = picture.pictures(made.results, one)
    assert set(specs) == {"one-rates", "one-latency"}
    for spec in specs.values():
        (row,) = spec["layer"][0]["data"]["values"]
        # The picture begins with the first task, due at 0.05 s.
        assert (row["what"], row["begin"], row["end"]) == ("worker-kill", pytest.approx(4.95), pytest.approx(6.95))
