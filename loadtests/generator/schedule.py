"""When each task is to be sent: an open model, in which arrivals do not wait for answers.

`constant`: one every 1/rate seconds. `poisson`: independent arrivals, gaps exponentially distributed with mean 1/rate.
`closed`: no schedule, the next as soon as a sender is free; for finding out what a stack takes at most.
Gaps and calls are drawn from the seed, so every generator process makes the same plan and takes its own share of it.
"""

import itertools
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from loadtests.scenarios import Call, Scenario, Target

KINDS = ("constant", "poisson", "closed")


@dataclass(frozen=True, slots=True)
class Arrival:
    """One task of the plan. `at`: seconds after the start; None: as soon as a sender is free."""

    index: int
    at: float | None
    call: Call


def offsets(kind: str, rate: float, seed: int) -> Iterator[float | None]:
    """Seconds after the start of each arrival, without end. `rate`: arrivals a second. Raises ValueError."""
    if kind not in KINDS:
        raise ValueError(f"arrivals are {', '.join(KINDS)}, not {kind!r}")
    if kind == "closed":
        return itertools.repeat(None)
    if not 0 < rate < float("inf"):
        raise ValueError(f"the rate is {rate:g} tasks a second; it must be above 0")
    if kind == "constant":
        return (index / rate for index in itertools.count())
    rng = random.Random(f"gaps {seed}")  # noqa: S311  a plan, not a secret
    return itertools.accumulate(rng.expovariate(rate) for _ in itertools.count())


def plan(kind: str, rate: float, seed: int, scenario: Scenario, target: Target) -> Iterator[Arrival]:
    """The whole plan, without end."""
    rng = random.Random(f"calls {seed}")  # noqa: S311
    for index, at in enumerate(offsets(kind, rate, seed)):
        yield Arrival(index, at, scenario(rng, target))


def share(arrivals: Iterable[Arrival], index: int, count: int) -> Iterator[Arrival]:
    """The arrivals of generator process `index` of `count`: every `count`-th one."""
    return itertools.islice(arrivals, index, None, count)
