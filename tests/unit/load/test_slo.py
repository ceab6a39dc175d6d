"""Objectives: what is understood, what is refused, and how a result is judged."""

import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.result import Result
from loadtests.gate.slo import BadObjective, Outcome, judge, parse

MET, NOT_MET, CANNOT_TELL = Outcome.MET, Outcome.NOT_MET, Outcome.CANNOT_TELL


@pytest.fixture
def result(made_run) -> Result:
    """2,000 tasks of 6 ms each at 100 a second; one more failed, one ran twice, one was refused."""
    made = made_run()
    made.tasks(1997)
    made.send("failed", 1)
    made.record("failed", 1, state="failure")
    for attempt in (1, 2):
        made.record("twice", 1, attempt=attempt)
    made.send("twice", 1)
    made.send("lost", 1)
    made.send("refused", 1, outcome="refused", status=503)
    return analyse(made.close(), Asked())


@pytest.mark.parametrize(
    ("text", "name", "compare", "limit"),
    [
        ("p99<500ms", "p99", "<", 0.5),
        ("p95<1s", "p95", "<", 1),
        (" P99.9 <= 1.5s ", "p99.9", "<=", 1.5),
        ("p999<1m", "p99.9", "<", 60),
        ("max<250us", "max", "<", 250e-6),
        ("lost=0", "lost", "=", 0),
        ("duplicated==0", "duplicated", "=", 0),
        ("failed<0.1%", "failed", "<", 0.001),
        ("rate>=400", "rate", ">=", 400),
    ],
)
def test_what_people_write_is_understood(text: str, name: str, compare: str, limit: float):
    found = parse(text)
    assert (found.name, found.compare, found.limit) == (name, compare, pytest.approx(limit))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "is no objective"),
        ("fast", "Understood are latency: p50, p90"),
        ("p99", "is no objective"),
        ("p99<-5ms", "is no objective"),
        ("p99<5ms or so", "is no objective"),
        ("p99<500", "needs a unit"),
        ("p99<5%", "needs a unit"),
        ("p97<500ms", "'p97' is not known"),
        ("speed>3", "'speed' is not known"),
        ("lost<5ms", "a count or a share"),
        ("rate>=400/s", "is no objective"),
        ("rate>=50%", "without a unit"),
        ("asked_to_told.p99<1s", "no stage asked_to_told"),
    ],
)
def test_what_is_not_understood_is_refused_with_what_is(text: str, complaint: str):
    with pytest.raises(BadObjective) as refused:
        parse(text)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("text", "outcome", "reason"),
    [
        ("p99<7ms", MET, "p99 of scheduled_to_finished was 6.00 ms over 1,999 tasks"),
        ("p99<5ms", NOT_MET, "was 6.00 ms"),
        ("p95<7ms", MET, "p95 of scheduled_to_finished was 6.00 ms"),
        ("scheduled_to_answered.p50<5ms", MET, "p50 of scheduled_to_answered was 4.00 ms"),
        ("p99.9<1s", CANNOT_TELL, "1,999 tasks are too few: it takes 10,000"),
        ("lost=0", NOT_MET, "1 of 2,000 accepted tasks: lost (0.050%)"),
        ("lost<0.1%", MET, "(0.050%)"),
        ("failed<=1", MET, "1 of 2,000"),
        ("failed<0.05%", NOT_MET, "1 of 2,000"),
        ("duplicated=0", NOT_MET, "1 of 2,000"),
        ("dead_lettered=0", MET, "0 of 2,000"),
        ("refused=0", NOT_MET, "1 of 2,001 sent tasks"),
        ("rate>=90", MET, "100.1 tasks/s"),
        ("rate>200", NOT_MET, "100.1 tasks/s"),
    ],
)
def test_a_result_is_judged_with_its_reason(result: Result, text: str, outcome: Outcome, reason: str):
    verdict = judge(parse(text), result)
    assert (verdict.objective, verdict.outcome) == (text, outcome), verdict.reason
    assert reason in verdict.reason


def test_a_run_that_is_not_valid_meets_nothing(made_run):
    made = made_run(ended=False)
    made.tasks(2000)
    result = analyse(made.close(), Asked())
    for text in ("p99<60m", "lost=0", "rate>=0"):
        verdict = judge(parse(text), result)
        assert (verdict.outcome, verdict.reason) == (NOT_MET, "the run is not valid: run was interrupted")


def test_a_stack_that_tells_nothing_of_its_tasks_has_not_lost_none(made_run):
    made = made_run(followed=False)
    for number in range(50):
        made.send(f"t{number}", number / 10)
    verdict = judge(parse("lost=0"), analyse(made.close(), Asked()))
    assert (verdict.outcome, "50 accepted tasks is not known" in verdict.reason) == (CANNOT_TELL, True)


def test_a_rate_that_was_offered_is_not_called_the_highest(result: Result):
    result.throughput.rate = None
    verdict = judge(parse("rate>=90"), result)
    assert (verdict.outcome, "no higher one was tried" in verdict.reason) == (MET, True)


def test_a_rate_that_only_the_emptied_queue_reached_is_not_met(made_run):
    """100 tasks a second are offered and 50 done; all are done in the end, long after the last was sent."""
    made = made_run(warmup=2.0)
    for number in range(2000):
        made.send(f"t{number}", number / 100)
        made.record(f"t{number}", number / 100, started=number / 50 + 0.005, finished=number / 50 + 0.006)
    result = analyse(made.close(), Asked())
    assert result.ledger.finished == 2000
    verdict = judge(parse("rate>=99"), result)
    assert verdict.outcome == NOT_MET
    assert verdict.reason.startswith("50.0 tasks/s (done while more came, and not sustained: the backlog grew by 50.")
    assert judge(parse("rate>=45"), result).outcome == MET
    assert any("the backlog grew by 50." in note and "not sustained" in note for note in result.notes)


def test_a_rate_that_is_carried_is_met_however_long_a_task_takes(made_run):
    made = made_run(warmup=2.0)
    for number in range(2000):
        made.send(f"t{number}", number / 100)
        made.record(f"t{number}", number / 100, finished=number / 100 + 5.005)
    result = analyse(made.close(), Asked())
    assert (judge(parse("rate>=99"), result).outcome, result.latency_run and result.latency_run.growth) == (MET, 0)
    assert not any("backlog" in note for note in result.notes)


def test_a_rate_of_an_earlier_warren_is_measured_again(result: Result):
    assert result.latency_run
    earlier = result.model_copy(update={"latency_run": result.latency_run.model_copy(update={"growth": None})})
    verdict = judge(parse("rate>=1"), earlier)
    assert (verdict.outcome, "run it again" in verdict.reason) == (CANNOT_TELL, True)
