"""A ratio of two things that were measured in turn, with its bootstrap interval."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from loadtests.analysis.result import Interval

CONFIDENCE, RESAMPLES = 0.95, 9999


def ratio(first: Sequence[float], second: Sequence[float], what: str, seed: int = 1) -> Interval:
    """sum(first) / sum(second) over pairs. The interval resamples pairs, so what slowed both of a pair cancels out."""

    def statistic(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        result: np.ndarray = a.sum(axis=axis) / b.sum(axis=axis)
        return result

    found = stats.bootstrap(
        (np.asarray(first), np.asarray(second)),
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = found.confidence_interval
    return Interval(
        value=float(sum(first) / sum(second)), low=float(low), high=float(high), pairs=len(first), what=what
    )
