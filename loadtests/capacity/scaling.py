"""The Universal Scalability Law over worker processes, and what the scatter of the runs leaves open of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from loadtests.analysis.interval import CONFIDENCE

RESAMPLES = 400
# A draw is no further off than this, in standard deviations as a logarithm: of very few runs the tail has no end.
FURTHEST = 5.0

Parameters = tuple[float, float, float]  # gamma: tasks a second of one process; alpha; beta


@dataclass(frozen=True)
class Law:
    """`found`: what fits best. `draws`: what might as well be true; empty where the runs do not tell."""

    found: Parameters
    draws: list[Parameters]


def usl(workers: float, single: float, contention: float, coherency: float) -> float:
    """Gunther's law: tasks a second of so many workers."""
    return single * workers / (1 + contention * (workers - 1) + coherency * workers * (workers - 1))


def fit_usl(counts: Sequence[int], rates: Sequence[float]) -> Parameters:
    """None below 0, by least squares of relative errors; as many of them as there are different counts."""
    n, x = np.asarray(counts, float), np.asarray(rates, float)
    # n / rate is linear in 1/gamma, alpha/gamma and beta/gamma.
    terms = np.stack([np.ones_like(n), n - 1, n * (n - 1)])[: min(3, len(set(counts)))]
    weights, _ = optimize.nnls((terms * x / n).T, np.ones_like(x))
    least = 1e-9 / float(np.max(x / n))  # a process does something
    inverse, contention, coherency = [*map(float, weights), 0.0, 0.0][:3]
    inverse = max(inverse, least)
    return 1 / inverse, contention / inverse, coherency / inverse


def law(runs: Sequence[tuple[int, float]]) -> Law:
    """Of (processes, tasks a second) of each run in which they were saturated.

    How far runs lie from the law is taken together over all counts, in shares of it: two or three runs of one count say
    nothing of their scatter. Each draw is such a set of runs fitted anew, with the scatter itself drawn by what so few
    runs tell of it (Student).
    """
    counts, rates = zip(*runs, strict=True)
    found = fit_usl(counts, rates)
    freedom = len(runs) - min(3, len(set(counts)))
    if freedom < 1:
        return Law(found, [])
    expected = np.array([usl(count, *found) for count in counts])
    scatter = math.sqrt(float(np.sum(np.log(np.asarray(rates) / expected) ** 2)) / freedom)
    rng, draws = np.random.default_rng(1), []
    for _ in range(RESAMPLES):
        spread = scatter * math.sqrt(freedom / rng.chisquare(freedom))
        off = np.clip(rng.normal(0, spread, len(runs)), -FURTHEST, FURTHEST)
        draws.append(fit_usl(counts, (expected * np.exp(off)).tolist()))
    return Law(found, draws)


def interval(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """In which the middle 95 % of the draws lie; infinite draws count."""
    if not values:
        return None, None
    ordered, tail = sorted(values), (1 - CONFIDENCE) / 2
    last = len(ordered) - 1
    return ordered[math.floor(tail * last)], ordered[math.ceil((1 - tail) * last)]
