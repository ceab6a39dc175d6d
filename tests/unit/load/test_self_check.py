"""A saturated generator is flagged, and a run that is not valid gives no number."""

import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.bench.verdict import judge


def test_a_generator_that_kept_up_is_valid(made_run):
    made = made_run()
    made.tasks(2000)
    made.generator(1.0, cpu=0.4)
    result = analyse(made.close(), Asked())
    assert (result.valid, result.reasons, result.self_check.saturated) == (True, [], None)
    assert result.self_check.late_p99 == pytest.approx(0.001, rel=0.01)
    assert result.throughput.rate == pytest.approx(100, rel=0.01)


def assert_saturated(result, why: str) -> None:
    assert not result.valid
    assert result.reasons[0].startswith("generator saturated: ")
    assert why in result.reasons[0]
    assert result.throughput.rate is None
    assert all(each.p50 is each.p95 is each.p99 is each.max is None for each in result.latency.values())
    assert result.ledger.finished == 2000  # counts are counts


def test_lateness_of_its_own_makes_a_run_invalid(made_run):
    made = made_run()
    for number in range(2000):
        at = number / 100
        late = 0.2 if number % 20 == 0 else 0.001
        made.send(f"t{number}", at, sent=at + late)
        made.record(f"t{number}", at)
    assert_saturated(analyse(made.close(), Asked()), "200 ms late")


def test_a_generator_out_of_cpu_makes_a_run_invalid(made_run):
    made = made_run()
    made.tasks(2000)
    for second in range(5):
        made.generator(float(second), cpu=0.97)
    assert_saturated(analyse(made.close(), Asked()), "97% of its core")


def test_waiting_for_a_stack_that_holds_all_senders_is_not_lateness(made_run):
    made = made_run()
    for number in range(2000):
        at = number / 100
        made.send(f"t{number}", at, free=at + 0.5, sent=at + 0.501, answered=at + 0.6)
        made.record(f"t{number}", at, finished=at + 0.7)
    result = analyse(made.close(), Asked())
    assert result.valid
    assert result.self_check.waited == 2000
    assert result.latency["scheduled_to_finished"].p50 == pytest.approx(0.7, rel=1e-3)
    assert any("waited for a free sender" in note for note in result.notes)


def test_a_generator_that_was_lost_makes_a_run_invalid_and_leaves_the_counts(made_run):
    made = made_run(lost=[{"generator": "there_1", "sent": 1000, "after": 9.5, "of": 2}])
    made.tasks(2000)
    assert judge(made.close(), "run", 100.0).verdict == "generator saturated"
    result = analyse(made.results, Asked())
    assert result.reasons == [
        "run: generator there_1 was lost 9.5 s after the start, with 1,000 tasks sent; "
        "the rest of its share (one of 2) was not sent"
    ]
    assert (result.valid, result.throughput.rate, result.latency["scheduled_to_finished"].p50) == (False, None, None)
    assert (result.ledger.balanced, result.ledger.finished) == (True, 2000)


def held(made, starved: float):
    """A rate that was not kept: every arrival found all senders in use."""
    for number in range(2000):
        at = number / 1000
        made.send(f"t{number}", at, free=3 * at + 0.1, sent=3 * at + 0.101, answered=3 * at + 0.2)
        made.record(f"t{number}", at, finished=3 * at + 0.3)
    for second in range(6):
        made.generator(float(second), cpu=0.25, starved=starved)
    return analyse(made.close(), Asked())


def test_a_generator_that_others_keep_from_the_processor_makes_a_run_invalid(made_run):
    assert_saturated(held(made_run(), starved=0.62), "had work for 87% of the time")


def test_a_stack_that_holds_the_senders_of_an_idle_generator_is_measured(made_run):
    result = held(made_run(), starved=0.1)
    assert (result.valid, round(result.self_check.starved, 3)) == (True, 0.1)
