"""Successive halving within a time budget: many short looks first, longer ones at what is left.

Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.
"""

import math
import random
from collections.abc import Callable, Hashable, Sequence
from typing import Any, TypeVar

C = TypeVar("C", bound=Hashable)
Score = Any  # whatever can be compared; None: the evaluation told nothing


def width(budget: float, costs: Sequence[float]) -> int:
    """How many candidates can begin. `costs`: seconds of one evaluation in each rung; 0: not even one."""
    count = 0
    while sum(math.ceil((count + 1) / 2**rung) * cost for rung, cost in enumerate(costs)) <= budget:
        count += 1
    return count


def halve(
    candidates: Sequence[C],
    evaluate: Callable[[C, int], Score],
    costs: Sequence[float],
    left: Callable[[], float],
    seed: int,
    group: Callable[[C], Hashable] = lambda _: None,
    keep: Sequence[C] = (),
) -> list[C]:
    """The candidates of the last rung, best first; within each rung in an order drawn from the seed.

    Half of each group goes on to the next rung; those to `keep` always do. What told nothing drops out. An evaluation
    begins only while `left()` seconds are enough for it: what it did not come to, in a rung, drops out too.
    """
    rng = random.Random(seed)  # noqa: S311  an order, not a secret
    alive = list(candidates)
    for rung, cost in enumerate(costs):
        scores: dict[C, Score] = {}
        for candidate in _order(alive, keep, rng):
            if left() < cost:
                break
            score = evaluate(candidate, rung)
            if score is not None:
                scores[candidate] = score
        if not scores:
            return alive if rung else []
        ranked = sorted(scores, key=lambda each: scores[each], reverse=True)
        if rung == len(costs) - 1 or left() < cost:
            return ranked
        alive = _best_half(ranked, group, keep)
    return alive


def _order(alive: list[C], keep: Sequence[C], rng: random.Random) -> list[C]:
    """Drawn, but those to keep first: without them the others say little."""
    drawn = rng.sample(alive, len(alive))
    return sorted(drawn, key=lambda each: each not in keep)


def _best_half(ranked: list[C], group: Callable[[C], Hashable], keep: Sequence[C]) -> list[C]:
    groups: dict[Hashable, list[C]] = {}
    for each in ranked:
        groups.setdefault(group(each), []).append(each)
    stay = {each for members in groups.values() for each in members[: math.ceil(len(members) / 2)]}
    return [each for each in ranked if each in stay or each in keep]
