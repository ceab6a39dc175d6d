"""Bootstrap intervals: of a ratio of two things that were measured in turn, and of a median."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from loadtests.analysis.result import Interval

CONFIDENCE, RESAMPLES = 0.95, 9999

Statistic = Callable[..., Any]


def ratio(
    first: Sequence[float], second: Sequence[float], what: str, seed: int = 1, of: Statistic = np.sum
) -> Interval:
    """of(first) / of(second) over pairs. The interval resamples pairs, so what slowed both of a pair cancels out."""

    def statistic(a: np.ndarray, b: np.ndarray, axis: int = -1) -> Any:
        return of(a, axis=axis) / of(b, axis=axis)

    low, high = _interval((first, second), statistic, seed)
    value = float(statistic(np.asarray(first), np.asarray(second)))
    return Interval(value=value, low=low, high=high, pairs=len(first), what=what)


def median(values: Sequence[float], seed: int = 1) -> tuple[float, float, float]:
    """The median and its interval."""
    return float(np.median(values)), *_interval((values,), np.median, seed)


def _interval(samples: tuple[Sequence[float], ...], statistic: Statistic, seed: int) -> tuple[float, float]:
    found = stats.bootstrap(
        tuple(np.asarray(sample) for sample in samples),
        statistic,
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    low, high = found.confidence_interval
    return float(low), float(high)
