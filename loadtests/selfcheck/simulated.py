"""The statistics of `warren compare` on made-up runs: how often it errs, and how often it sees what is there."""

from collections.abc import Callable
from functools import cache

import numpy as np

from loadtests.compare.difference import ALPHA, rank_test, rank_tests
from loadtests.selfcheck.document import Row
from loadtests.selfcheck.ground import Ground

# Runs a side as `warren compare` has them, and a spread between runs as those of a quiet machine: a logarithm's
# standard deviation, about the share by which two runs differ.
RUNS, NOISE = 10, 0.04
PLANTED = 0.1
MOST_ERRORS, LEAST_SEEN = 0.05, 0.9


def simulated(
    seed: int, slower: float = 0.0, noise: float = NOISE, drift: float = 0.0
) -> tuple[list[float], list[float]]:
    """Rates of two stacks, run by run; B is slower by a share. The machine may drift, alike for both of a pair."""
    rng = np.random.default_rng(seed)
    machine = np.linspace(0, drift, RUNS)
    a, b = rng.normal(0, noise, (2, RUNS)) + machine
    return list(1000 * np.exp(a)), list(1000 * (1 - slower) * np.exp(b))


def said_different(tries: int, draw: Callable[[int], tuple[list[float], list[float]]]) -> int:
    """How many of so many comparisons say "different". `draw(n)`: the runs of the n-th one's sides."""
    return sum(rank_test(*draw(number)) <= ALPHA for number in range(tries))


@cache
def windows_by_chance(pairs: int, size: int, rarely: float, tries: int = 10_000) -> int:
    """Of pairs of things alike: as many windows of `size` are called different at most, but in a share `rarely`."""
    a, b = np.random.default_rng(1).normal(size=(2, tries, pairs))
    said = sum(rank_tests(a[:, at : at + size], b[:, at : at + size]) <= ALPHA for at in range(pairs - size + 1))
    return int(np.sort(said)[-1 - int(rarely * tries)])


def run(ground: Ground) -> list[Row]:
    """Nothing is measured."""
    tries = 1000 if ground.short else 10_000
    ground.notes.append(f"{RUNS} runs a side that vary by {NOISE:.0%}, the same ones each time")
    errors = said_different(tries, simulated)
    seen = said_different(tries, lambda seed: simulated(seed, slower=PLANTED))
    return [at_most(f"A/A called different, of {tries:,}", errors, tries), at_least(seen, tries)]


def at_most(what: str, errors: int, tries: int, by_clock: bool = False) -> Row:
    """A thing compared with itself."""
    share = errors / tries
    return Row(what=what, expected=f"≤ {MOST_ERRORS:.0%}", seen=f"{share:.1%}", bound=f"{MOST_ERRORS:.0%}",
               ok=share <= MOST_ERRORS, by_clock=by_clock)  # fmt: skip


def at_least(seen: int, tries: int, by_clock: bool = False) -> Row:
    """A thing compared with one that was made slower."""
    share = seen / tries
    return Row(what=f"{PLANTED:.0%} planted and seen, of {tries:,}", expected=f"≥ {LEAST_SEEN:.0%}",
               seen=f"{share:.1%}", bound=f"{LEAST_SEEN:.0%}", ok=share >= LEAST_SEEN, by_clock=by_clock)  # fmt: skip
