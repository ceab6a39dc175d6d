"""Is one of two things slower, judging by repeated runs of each? Says so, or how small a difference could hide."""

import math
from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, Field
from scipy import stats

from loadtests.analysis.interval import CONFIDENCE, median, ratio
from loadtests.analysis.result import Interval

# "Different" is said wrongly in at most this share of comparisons of a thing with itself.
ALPHA = 1 - CONFIDENCE
# The smallest detectable difference is the one that would be seen in this share of comparisons.
POWER = 0.9
# A rank test needs this many times the runs of a t-test on data that are normal (its asymptotic relative efficiency).
RANKS = math.pi / 3


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


def detectable(a: Sequence[float], b: Sequence[float], level: float = ALPHA) -> float:
    """The smallest difference, as a share, that the rank test would see with runs that vary as these do."""
    logs = [np.log(np.asarray(side)) for side in (a, b)]
    freedom = len(a) + len(b) - 2
    spread = math.sqrt(sum(((side - side.mean()) ** 2).sum() for side in logs) / freedom)
    quantiles = stats.t.ppf(1 - level / 2, freedom) + stats.t.ppf(POWER, freedom)
    return float(np.expm1(quantiles * spread * math.sqrt(RANKS * (1 / len(a) + 1 / len(b)))))


def fewest_runs(metrics: int) -> int:
    """A side, below which the rank test cannot say "different" whatever the values are."""
    return next(runs for runs in range(2, 100) if 2 / math.comb(2 * runs, runs) <= ALPHA / metrics)


def _side(values: Sequence[float]) -> Side:
    middle, low, high = median(values)
    return Side(median=middle, low=low, high=high, values=list(values))
