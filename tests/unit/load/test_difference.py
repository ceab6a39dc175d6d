"""The statistics of `warren compare`, on simulated runs: how often it errs, and what it sees."""

import numpy as np
import pytest

from loadtests.compare.difference import ALPHA, Difference, compare, detectable, fewest_runs, rank_tests
from loadtests.selfcheck.simulated import said_different, simulated

TRIES = 200


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict does not hang on the intervals."""
    monkeypatch.setattr("loadtests.analysis.interval.RESAMPLES", 99)


def judged(a: list, b: list, **more) -> Difference:
    return compare("rate", a, b, more_is_worse=False, **more)


def test_a_thing_compared_with_itself_is_rarely_called_different():
    tries = 5 * TRIES
    said = said_different(tries, simulated)
    assert 0.02 * tries <= said <= 0.05 * tries  # never would be a test that cannot see


def test_a_planted_slowdown_of_a_tenth_is_seen():
    said = sum(judged(*simulated(seed, slower=0.1)).worse for seed in range(TRIES))
    assert said >= 0.9 * TRIES


@pytest.mark.parametrize(("runs", "metrics"), [(4, 1), (5, 1), (6, 1), (10, 1), (5, 3), (6, 3)])
def test_the_smallest_detectable_difference_is_seen_nine_times_in_ten_however_few_the_runs(runs: int, metrics: int):
    level, made = ALPHA / metrics, [[side[:runs] for side in simulated(seed)] for seed in range(10 * TRIES)]
    size = float(np.mean([detectable(a, b, level) for a, b in made]))
    one, other = (np.array(side) for side in zip(*made, strict=True))
    assert 0.88 <= np.mean(rank_tests(one, other / (1 + size)) <= level) <= 0.925


def test_runs_too_few_to_tell_anything_detect_nothing():
    assert detectable([1.0, 1.1, 1.2], [1.0, 1.1, 1.3]) == float("inf")


def test_noisier_runs_can_tell_less():
    assert detectable(*simulated(1, noise=0.2)) > 3 * detectable(*simulated(1))


def test_what_slows_both_of_a_pair_cancels_out_of_the_interval():
    found = judged(*simulated(3, slower=0.1, drift=0.5))
    assert found.change.low < 0.9 < found.change.high
    assert found.change.high - found.change.low < 0.15


def test_better_or_tolerated_is_different_but_not_worse():
    a, b = simulated(1, slower=0.1)
    assert (judged(a, b).worse, judged(b, a).worse, judged(b, a).different) == (True, False, True)
    tolerated = judged(a, b, tolerance=0.2)
    assert (tolerated.worse, tolerated.different) == (False, True)


def test_more_is_worse_of_latencies():
    a, b = simulated(1, slower=0.1)
    assert compare("p50", b, a).worse
    assert not compare("p50", a, b).worse


def test_several_metrics_share_the_errors():
    a, b = simulated(1)
    assert judged(a, b, metrics=3).level == pytest.approx(ALPHA / 3)
    assert (fewest_runs(1), fewest_runs(3)) == (4, 5)
    same, lower = [1.0, 1.01, 1.02, 1.03], [0.5, 0.51, 0.52, 0.53]
    assert judged(same, lower).different
    assert not judged(same[:3], lower[:3]).different
