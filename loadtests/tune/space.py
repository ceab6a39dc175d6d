"""The matrix: which settings there are to choose from, which combinations can work, and which of them to try."""

import random
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any, Literal, get_args

from app.contract import Contract
from loadtests.tune.candidate import NO_RESULTS, Candidate, Kind, present, refusal

Axes = dict[str, list[Any]]
Corner = Literal["early-ack", "no-confirms", "classic", "rpc"]
# What is tried beside the values that stack.yml has. Processes: as shares of the machine's cores.
PROCESSES, CONCURRENCY, PREFETCH = (0.5, 1, 2), (1, 8, 32), (1, 8, 64, 256)
# More children of prefork pools than this for each core only wait for one another, and for memory.
MOST_CHILDREN = 8
# Of the combinations that are tried, the share that gives up some safety.
UNSAFE = 0.25
RPC = "rpc"
_NUMBERS = re.compile(r"\d+")


class BadSpace(ValueError):
    """An axis or a value that there is not; the text says which there are."""


def axes(contract: Contract, pool: str, cores: int, stores: Iterable[str]) -> Axes:
    """The values of every axis, those that stack.yml has among them."""
    there = present(contract, pool, NO_RESULTS)

    def numbers(values: Iterable[float], own: int) -> list[int]:
        return sorted({max(1, round(value)) for value in values} | {own})

    return {
        "kind": list(get_args(Kind)),
        "processes": numbers((cores * share for share in PROCESSES), there.processes),
        "concurrency": numbers(CONCURRENCY, there.concurrency),
        "prefetch": numbers(PREFETCH, there.prefetch),
        "queue_type": ["quorum", "classic"],
        "ack": ["late", "early"],
        "confirms": ["on", "off"],
        "results": list(stores),
    }


def restricted(found: Axes, given: Mapping[str, list[str]]) -> Axes:
    """Only these values of the axes that are named. Raises BadSpace."""
    narrowed = dict(found)
    for axis, texts in given.items():
        if axis not in found:
            raise BadSpace(f"there is no axis {axis!r}; there are {', '.join(found)}")
        if isinstance(found[axis][0], int):
            if not all(text.isdecimal() and int(text) for text in texts):
                raise BadSpace(f"{axis}={','.join(texts)}: whole numbers above 0 are wanted: {axis}=1,8")
            narrowed[axis] = sorted({int(text) for text in texts})
            continue
        unknown = [text for text in texts if text not in found[axis]]
        if unknown:
            raise BadSpace(f"{axis}={unknown[0]}: there is {', '.join(found[axis])}")
        narrowed[axis] = [value for value in found[axis] if value in texts]
    return narrowed


def legal(found: Axes, contract: Contract, pool: str, cores: int) -> tuple[list[Candidate], dict[str, int]]:
    """Every combination that can work; and why the others are left out, with how many.

    Reasons that differ in their numbers only are one, told by its first example.
    """
    can: list[Candidate] = []
    left_out: Counter[str] = Counter()
    examples: dict[str, str] = {}
    judged: dict[tuple[Any, ...], str | None] = {}
    for values in product(*found.values()):
        candidate = Candidate(**dict(zip(found, values, strict=True)))
        # The judge of stack.yml sees nothing of the other axes.
        seen = (candidate.kind, candidate.processes, candidate.concurrency, candidate.prefetch, candidate.queue_type)
        if seen not in judged:
            judged[seen] = _too_many(candidate, cores) or refusal(contract, pool, candidate)
        if why := judged[seen]:
            left_out[examples.setdefault(_NUMBERS.sub("#", why), why)] += 1
        else:
            can.append(candidate)
    return can, dict(left_out.most_common())


def corners(candidate: Candidate, contract: Contract) -> list[Corner]:
    """What of safety it gives up, compared with what stack.yml asks for."""
    found: list[Corner] = []
    found += ["early-ack"] if candidate.ack == "early" else []
    found += ["no-confirms"] if candidate.confirms == "off" else []
    found += ["classic"] if candidate.queue_type == "classic" and contract.broker.queue_type != "classic" else []
    found += ["rpc"] if candidate.results == RPC else []
    return found


def twins(candidate: Candidate, found: Axes, contract: Contract) -> list[Candidate]:
    """The same settings with one corner each, of those that the axes have."""
    changed: list[dict[str, Any]] = [{"ack": "early"}, {"confirms": "off"}, {"queue_type": "classic"}]
    there = [each for each in changed for axis, value in each.items() if value in found[axis]]
    made = [candidate.model_copy(update=each) for each in there]
    return [twin for twin in made if len(corners(twin, contract)) == len(corners(candidate, contract)) + 1]


def draw(can: list[Candidate], first: Candidate, count: int, seed: int, contract: Contract) -> list[Candidate]:
    """`first`, and others to a total of `count`: those whose values have been seen least, drawn by the seed."""
    rng = random.Random(seed)  # noqa: S311  a plan, not a secret
    shuffled = rng.sample(can, len(can))
    safe = [each for each in shuffled if each != first and not corners(each, contract)]
    unsafe = [each for each in shuffled if each != first and corners(each, contract)]
    few = min(len(unsafe), round(count * UNSAFE))
    return [first, *_spread(safe, [first], count - 1 - few), *_spread(unsafe, [first], few)]


def _spread(pool: list[Candidate], seen: list[Candidate], count: int) -> list[Candidate]:
    counts = Counter(pair for each in seen for pair in each.model_dump().items())
    left, chosen = list(pool), []
    for _ in range(min(count, len(left))):
        best = min(left, key=lambda each: sum(counts[pair] for pair in each.model_dump().items()))
        left.remove(best)
        chosen.append(best)
        counts.update(best.model_dump().items())
    return chosen


def _too_many(candidate: Candidate, cores: int) -> str | None:
    if candidate.kind == "prefork" and candidate.slots > MOST_CHILDREN * cores:
        return f"more than {MOST_CHILDREN} prefork children for each core only wait for one another"
    return None
