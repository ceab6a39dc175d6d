"""Finds the highest sustained rate by a short search: a factor at a time until bracketed, then halving the bracket."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from loadtests.analysis.result import Probe

# From an estimate that may be off either way. In a closed loop senders give way to workers, an open one does not.
FIRST, UP, DOWN = 0.9, 1.15, 0.8
BELOW, FURTHEST = 0.95, 0.4
# Nothing is gained by a bracket narrower than what two probes of one rate differ by.
CLOSE = 1.04


@dataclass
class Search:
    """`best`: the highest sustained rate; `limit`: the lowest one above it that was not. None: not found yet."""

    probes: list[Probe] = field(default_factory=list)
    best: float | None = None
    limit: float | None = None

    @property
    def generator_bound(self) -> bool:
        """The rate was limited by the generator, so the stack's own limit is not known."""
        return any(p.verdict == "generator saturated" and p.offered == self.limit for p in self.probes)

    def take(self, probe: Probe) -> None:
        assert probe.offered is not None
        self.probes.append(probe)
        if probe.verdict == "sustained":
            self.best = max(self.best or 0.0, probe.offered)
        elif self.limit is None or probe.offered < self.limit:
            self.limit = probe.offered
        if self.best is not None and self.limit is not None and self.limit <= self.best:
            # A rate failed that a higher one sustained: noise. Believe the lower answer.
            lower = [
                p.offered for p in self.probes if p.verdict == "sustained" and p.offered and p.offered < self.limit
            ]
            self.best = max(lower, default=None)


def next_rate(search: Search, estimate: float) -> float | None:
    """The rate to try next; None when the bracket is narrow enough."""
    if search.best is None and search.limit is None:
        return estimate * FIRST
    if search.limit is None:
        return (search.best or estimate) * UP
    if search.best is None:
        # What an overloaded stack got done is a hint; one that came to a stop hints at nothing.
        done = min(probe.done for probe in search.probes if probe.offered == search.limit)
        return max(min(search.limit * DOWN, done * BELOW), search.limit * FURTHEST)
    if search.limit / search.best < CLOSE:
        return None
    return math.sqrt(search.best * search.limit)


def search(probe: Callable[[int, float], Probe], estimate: float, most: int) -> Search:
    """Probe at most `most` rates, and a few more while none was sustained: without one there is no result."""
    found = Search()
    for number in range(1, most + 4):
        if number > most and found.best is not None:
            break
        rate = next_rate(found, estimate)
        if rate is None:
            break
        found.take(probe(number, float(f"{rate:.3g}")))
    return found
