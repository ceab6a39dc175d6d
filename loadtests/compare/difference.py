"""Is one of two things slower, judging by repeated runs of each? Says so, or how small a difference could hide."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from pydantic import BaseModel, Field
from scipy import optimize, stats

from loadtests.analysis.interval import CONFIDENCE, median, ratio
from loadtests.analysis.result import Interval

# "Different" is said wrongly in at most this share of comparisons of a thing with itself.
ALPHA = 1 - CONFIDENCE
# The smallest detectable difference is the one that would be seen in this share of comparisons.
POWER = 0.9
# Made-up comparisons by which that is found, and spreads apart, at which any test that can see at all sees.
TRIES, FAR = 10_000, 100.0


class Side(BaseModel):
    """One thing's values, one a run, and their median with its bootstrap interval."""

    median: float
    low: float
    high: float
    values: list[float]


class Difference(BaseModel):
    """One metric of both. `different` is what the rank test says; the intervals tell how much."""

    metric: str
    a: Side
    b: Side
    change: Interval = Field(description="median of B ÷ median of A")
    p: float = Field(description="of the Mann–Whitney rank test, two-sided")
    level: float = Field(description="different when p is below it: 5 % shared by all metrics that are judged")
    different: bool
    worse: bool = Field(description="B is different, to the bad, and by more than the tolerance")
    detectable: float = Field(description="the smallest difference that so many runs would show in 9 of 10 tries")


def compare(
    metric: str,
    a: Sequence[float],
    b: Sequence[float],
    metrics: int = 1,
    more_is_worse: bool = True,
    tolerance: float = 0,
) -> Difference:
    """A judgement on `metric`, one of so many `metrics`. `tolerance`: a share."""
    level = ALPHA / metrics
    change = ratio(b, a, f"{metric}, median of B ÷ median of A", of=np.median)
    p = rank_test(a, b)
    worse = change.value - 1 if more_is_worse else 1 - change.value
    return Difference(
        metric=metric,
        a=_side(a),
        b=_side(b),
        change=change,
        p=p,
        level=level,
        different=p <= level,
        worse=p <= level and worse > tolerance,
        detectable=detectable(a, b, level),
    )


def rank_test(a: Sequence[float], b: Sequence[float]) -> float:
    """p of Mann–Whitney's test: it assumes nothing about how runs vary, and one odd run does not decide it."""
    return float(stats.mannwhitneyu(a, b, alternative="two-sided").pvalue)


def rank_tests(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The same of many comparisons: a row of either is one side's runs."""
    return np.asarray(stats.mannwhitneyu(a, b, alternative="two-sided", axis=1).pvalue)


def detectable(a: Sequence[float], b: Sequence[float], level: float = ALPHA) -> float:
    """The smallest difference, as a share, that the rank test would see with runs that vary as these do."""
    spread = _spread(np.log(np.asarray(a)), np.log(np.asarray(b)))
    return float(np.expm1(_spreads_apart(len(a), len(b), level) * spread))


def _spread(a: np.ndarray, b: np.ndarray) -> Any:
    """The standard deviation of both sides about their own means. Runs lie along the last axis."""
    squares = sum(((side - side.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1) for side in (a, b))
    return np.sqrt(squares / (a.shape[-1] + b.shape[-1] - 2))


@lru_cache
def _spreads_apart(a: int, b: int, level: float) -> float:
    """How far apart, in spreads as such runs show them, sides must be for the test to see it in POWER of comparisons.

    By simulation with normal runs and the test itself, always the same ones: formulas flatter a rank test of few runs.
    Infinite: so few can never show anything.
    """
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(TRIES, a)), rng.normal(size=(TRIES, b))

    def lacking(apart: float) -> float:
        return POWER - float(np.mean(rank_tests(one, other + apart) <= level))

    if lacking(FAR) > 0:
        return math.inf
    return float(optimize.brentq(lacking, 0, FAR, xtol=1e-3) / np.mean(_spread(one, other)))


def fewest_runs(metrics: int) -> int:
    """A side, below which the rank test cannot say "different" whatever the values are."""
    return next(runs for runs in range(2, 100) if 2 / math.comb(2 * runs, runs) <= ALPHA / metrics)


def _side(values: Sequence[float]) -> Side:
    middle, low, high = median(values)
    return Side(median=middle, low=low, high=high, values=list(values))
