"""One record a task: the stages of its life, whose they are, and what is cut."""

import itertools

import duckdb
import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.stages import CHAIN, STAGES


def test_a_tasks_stages_come_out_as_they_were(made_run):
    made = made_run()
    for number in range(200):
        made.send(f"t{number}", 0.0, sent=0.010, published=0.030, confirmed=0.060, answered=0.070)
        made.record(f"t{number}", 0.0, received=0.100, started=0.150, finished=0.210, known=0.280)
    latency = analyse(made.close(), Asked()).latency
    expected = {
        "scheduled_to_sent": 0.010,
        "sent_to_published": 0.020,
        "published_to_received": 0.070,
        "received_to_started": 0.050,
        "started_to_finished": 0.060,
        "published_to_confirmed": 0.030,
        "confirmed_to_received": 0.040,
        "confirmed_to_answered": 0.010,
        "finished_to_known": 0.070,
        "scheduled_to_answered": 0.070,
        "scheduled_to_finished": 0.210,
        "scheduled_to_known": 0.280,
    }
    assert {name: each.p50 for name, each in latency.items()} == pytest.approx(expected, rel=1e-3)
    assert all(each.count == 200 for each in latency.values())


def test_the_chain_adds_up_from_scheduled_to_finished():
    assert CHAIN[0].begin == "scheduled"
    assert CHAIN[-1].end == "finished"
    assert all(one.end == other.begin for one, other in itertools.pairwise(CHAIN))
    assert len({stage.name for stage in STAGES}) == len(STAGES)


def test_warm_up_is_in_the_ledger_and_in_no_percentile(made_run):
    made = made_run(warmup=2.0)
    made.tasks(500, rate=100.0)
    result = analyse(made.close(), Asked())
    assert result.ledger.finished == 500
    assert result.latency["scheduled_to_finished"].count == 300
    assert (result.latency_run.cut, result.latency_run.warmup) == (200, 2.0)


def test_a_worker_faster_than_the_confirm_waited_zero_and_is_told_of(made_run):
    made = made_run()
    for number in range(100):
        made.send(f"t{number}", confirmed=0.008)
        made.record(f"t{number}", received=0.004)
    wait = analyse(made.close(), Asked()).latency["confirmed_to_received"]
    assert (wait.p50, wait.negative) == (0.0, 100)


def test_clocks_that_disagree_are_told_of(made_run):
    made = made_run()
    for number in range(100):
        made.send(f"t{number}")
        made.record(f"t{number}", received=-5.0, started=-4.9, finished=-4.8)
    result = analyse(made.close(), Asked())
    assert result.latency["published_to_received"].negative == 100
    assert any("clocks disagree" in note for note in result.notes)


def test_one_record_a_task_that_any_tool_can_read(made_run):
    made = made_run()
    made.tasks(3)
    made.send("dead", 1.0)
    made.dead("dead", "delivery_limit")
    results = made.close()
    analyse(results, Asked())
    rows = duckdb.sql(f"SELECT id, state, finishes, phase, dead_reason FROM '{results}/records.parquet' ORDER BY id")
    assert rows.fetchall() == [
        ("dead", "dead", 0, "run", "delivery_limit"),
        *((f"t{number}", "success", 1, "run", None) for number in range(3)),
    ]
