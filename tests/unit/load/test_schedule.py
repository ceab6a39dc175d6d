"""Arrivals: the rate, the seed, and the share of each generator process."""

import itertools
import random
import statistics

import pytest

from loadtests.generator import schedule
from loadtests.scenarios import Call, Target, load, names

TARGET = Target("http://front")


def plan(kind: str = "poisson", rate: float = 200.0, seed: int = 1, count: int = 4000) -> list[schedule.Arrival]:
    return list(itertools.islice(schedule.plan(kind, rate, seed, load("mix"), TARGET), count))


def test_constant_arrivals_are_evenly_spaced():
    assert [a.at for a in plan("constant", 4.0, count=5)] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_poisson_arrivals_keep_the_rate_and_vary_as_an_exponential_does():
    at = [a.at for a in plan()]
    gaps = [b - a for a, b in itertools.pairwise(at)]
    assert statistics.mean(gaps) == pytest.approx(1 / 200, rel=0.05)
    # Of an exponential distribution mean and standard deviation are the same.
    assert statistics.stdev(gaps) == pytest.approx(1 / 200, rel=0.08)


def test_a_seed_is_a_plan():
    assert plan(seed=7) == plan(seed=7)
    assert [a.at for a in plan(seed=7)] != [a.at for a in plan(seed=8)]
    assert [a.call for a in plan(seed=7)] != [a.call for a in plan(seed=8)]


def test_the_shares_of_all_processes_are_the_plan_without_overlap():
    whole = plan(count=999)
    shares = [list(schedule.share(iter(whole), index, 3)) for index in range(3)]
    assert sorted((a for share in shares for a in share), key=lambda a: a.index) == whole
    assert {len(share) for share in shares} == {333}


def test_a_closed_loop_has_no_instants():
    assert {a.at for a in plan("closed", count=10)} == {None}


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_cannot_be_is_refused(rate: float):
    with pytest.raises(ValueError, match="must be above 0"):
        plan(rate=rate)


def test_scenarios_draw_calls_and_unknown_ones_name_those_there_are():
    assert {"noop", "add", "longtime_add", "gendog", "download", "mix"} <= set(names())
    for name in names():
        assert isinstance(load(name)(random.Random(1), TARGET), Call)
    with pytest.raises(ValueError, match=r"there are .*noop"):
        load("nope")
