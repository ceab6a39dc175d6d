"""The search for the highest sustained rate, and the verdicts it stands on."""

from collections.abc import Callable

import pytest

from loadtests.analysis.backlog import STEP, backlog_slope
from loadtests.analysis.result import Probe
from loadtests.bench.search import Search, search
from loadtests.bench.verdict import judge

from ...made_run import MadeRun


def stack(capacity: float, verdict: str = "overloaded") -> Callable[[int, float], Probe]:
    """Probes of a stack that sustains up to `capacity`."""

    def probe(number: int, rate: float) -> Probe:
        good = rate <= capacity
        done = min(rate, capacity)
        what = "sustained" if good else verdict
        return Probe(phase=f"search-{number}", offered=rate, done=done, slope=rate - done, verdict=what, why="")

    return probe


@pytest.mark.parametrize("capacity", [700.0, 950.0, 1300.0])
def test_the_answer_lies_between_what_was_sustained_and_what_was_not(capacity: float):
    found = search(stack(capacity), 1000.0, 6)
    assert found.best <= capacity < found.limit
    assert found.limit / found.best < 1.1


def test_a_stack_far_below_the_estimate_is_found_all_the_same():
    found = search(stack(350.0), 1000.0, 2)
    assert found.best is not None
    assert found.best <= 350


def test_a_stack_that_sustains_nothing_has_no_answer():
    found = search(stack(0.0), 1000.0, 3)
    assert found.best is None
    assert len(found.probes) == 6  # bounded


def test_noise_is_answered_with_the_lower_rate():
    found = Search()
    for rate, verdict in ((900.0, "sustained"), (1000.0, "sustained"), (950.0, "overloaded")):
        found.take(Probe(phase="p", offered=rate, done=rate, slope=0, verdict=verdict, why=""))
    assert (found.best, found.limit) == (900.0, 950.0)


def test_a_limit_of_the_generator_is_not_taken_for_the_stacks():
    assert search(stack(800.0, "generator saturated"), 1000.0, 4).generator_bound
    assert not search(stack(800.0), 1000.0, 4).generator_bound


def test_slope_of_a_backlog():
    assert backlog_slope([(t / 10, 50 + 30 * t / 10) for t in range(40)]) == pytest.approx(30)
    assert backlog_slope([(t / 10, 7) for t in range(40)]) == pytest.approx(0)


def probed(
    made, life: Callable[[int], float], rate: float = 200.0, count: int = 1000, took: float = 0.001, **send: object
) -> Probe:
    """`life`: number of a task → seconds from its scheduled instant until it is done, `took` of them in a worker."""
    for number in range(count):
        at = number / rate
        made.send(f"t{number}", at, **send)
        made.record(f"t{number}", at, started=at + life(number) - took, finished=at + life(number))
    return judge(made.close(), "run", rate)


def test_a_rate_that_is_done_as_it_comes_is_sustained(made_run):
    assert probed(made_run(), lambda n: 0.02).verdict == "sustained"


def test_long_tasks_do_not_make_a_queue(made_run):
    """Half a second each, but not one more of them under way at the end than at the start of the measuring."""
    assert probed(made_run(warmup=1.0), lambda n: 0.5, took=0.5).verdict == "sustained"


@pytest.mark.parametrize("seconds", [2.0, 5.0])
def test_tasks_longer_than_the_warm_up_are_told_from_a_queue(tmp_path, seconds: float):
    """However many are under way: only when fewer end than come does a queue grow."""
    count = 200 * 12  # twelve seconds of them
    calm = probed(MadeRun(tmp_path / "calm", warmup=1.0), lambda n: seconds + 0.01, 200, count, took=seconds)
    assert (calm.verdict, calm.done) == ("sustained", pytest.approx(200, rel=0.01)), calm.why
    # A tenth fewer are done than come: each waits a little longer than the one before it.
    over = probed(MadeRun(tmp_path / "over", warmup=1.0), lambda n: seconds + n / 2000, 200, count, took=seconds)
    assert (over.verdict, over.done) == ("overloaded", pytest.approx(200 / 1.1, rel=0.02)), over.why


def test_a_run_that_is_too_short_for_its_tasks_says_so(made_run):
    probe = probed(made_run(warmup=1.0), lambda n: 5.0, took=5.0)
    assert (probe.verdict, "run longer" in probe.why) == ("overloaded", True), probe.why


def test_a_growing_queue_is_not_sustained_however_short_the_wait(made_run):
    probe = probed(made_run(), lambda n: 0.01 + n * 0.0003)  # 6 % slower than what comes
    assert probe.verdict == "overloaded"
    assert probe.slope == pytest.approx(0.06 * 200, rel=0.2)


def test_a_backlog_that_is_emptied_only_at_the_last_moment_was_growing_all_the_same(made_run):
    probe = probed(made_run(), lambda n: 0.01 if n < 300 else max(0.01, 4.9 - n / 200))
    assert (probe.done, probe.verdict) == (pytest.approx(200, rel=0.02), "overloaded")
    assert "the backlog grew" in probe.why


def test_the_backlog_is_what_is_due_and_not_done_at_each_look(made_run):
    """Looked at by comparing every task with every look; what was there before the warm-up ended counts, too."""
    rate, count, waits = 200.0, 1000, [0.3 + (n * 37 % 100) / 50 + n / 900 for n in range(1000)]
    probe = probed(made_run(warmup=1.0), lambda n: waits[n])
    lives = [(n / rate, n / rate + waits[n]) for n in range(count)]
    looks = [1 + step * STEP for step in range(round((lives[-1][0] - 1) // STEP) + 1)]
    backlog = [(t, sum(begin <= t < end for begin, end in lives)) for t in looks]
    assert probe.slope == pytest.approx(backlog_slope(backlog), abs=0.2)


def test_refusals_are_not_sustained(made_run):
    made = made_run()
    made.send("refused", 1.0, status=503, outcome="refused")
    probe = probed(made, lambda n: 0.02)
    assert (probe.verdict, probe.why) == ("overloaded", "1 requests were not accepted")


def test_a_generator_out_of_cpu_says_nothing_of_the_stack(made_run):
    made = made_run()
    made.generator(2.0, cpu=0.99)
    assert probed(made, lambda n: 0.02).verdict == "generator saturated"
