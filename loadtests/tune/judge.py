"""What follows from a walk's evaluations: standings, Pareto fronts, the best safe candidate, what safety costs."""

import statistics
from collections.abc import Callable, Iterable

from app.contract import Contract
from loadtests.analysis.interval import ratio
from loadtests.analysis.result import Interval
from loadtests.compare.difference import Difference, compare, fewest_runs
from loadtests.tune.candidate import Candidate
from loadtests.tune.document import Measured, Price, Standing, Walk
from loadtests.tune.pareto import front
from loadtests.tune.space import corners

# Without an objective of the user's own, the percentile may be so many times that of the present settings.
SLOWER = 2.0
# The rung of the repeated, interleaved runs of the finalists.
FINAL = 99
KINDS = ("solo", "threads", "prefork")
Rounds = list[tuple[Measured, Measured]]


def score(measured: Measured, percentile: str, objective: float | None) -> tuple[bool, bool, float] | None:
    """For halving: whether it kept every task, whether it meets the objective, how much it does. None: nothing told."""
    if measured.throughput is None:
        return None
    tail = measured.latency.get(percentile)
    meets = measured.carries is not False and (tail is None or objective is None or tail <= objective)
    return not measured.missing, meets, measured.throughput


def standings(walk: Walk) -> list[Standing]:
    """Medians of every candidate, the fastest first, with the fronts marked."""
    by_candidate: dict[Candidate, list[Measured]] = {}
    for each in walk.measured:
        by_candidate.setdefault(each.candidate, []).append(each)
    found = [_standing(candidate, runs, walk.percentile) for candidate, runs in by_candidate.items()]
    found.sort(key=lambda each: each.throughput or 0.0, reverse=True)
    for attribute, members in (("front", found), ("safe_front", [each for each in found if not each.corners])):
        told = [(each, point) for each in members if (point := _point(each)) is not None]
        for (standing, _), on_it in zip(told, front([point for _, point in told]), strict=True):
            setattr(standing, attribute, on_it)
    return found


def decide(walk: Walk, contract: Contract) -> None:
    """Fill in the standings, the best safe candidate and why it is that, and what each piece of safety costs."""
    walk.standings = standings(walk)
    last = [each for each in walk.measured if each.rung == FINAL]
    best, why = _best(walk, {each.candidate for each in last})
    walk.best, walk.why, walk.gain = best, why, None
    if best is None:
        return
    if best != walk.present:
        walk.best, walk.why = _worth_it(walk, best)
    if walk.best in _lossy(walk):
        walk.best, walk.why = None, "what is there lost tasks itself, and nothing else was told to be better"
    walk.prices = [price for pair in _pairs(last, contract) if (price := _price(pair, last, walk, contract))]


def together(last: Iterable[Measured], one: Candidate, other: Candidate) -> Rounds:
    """Runs of two finalists that were valid in the same round: the first of the one with the first of the other."""
    runs: dict[Candidate, list[Measured]] = {one: [], other: []}
    for each in last:
        if each.candidate in runs:
            runs[each.candidate].append(each)
    pairs = zip(runs[one], runs[other], strict=False)
    return [(a, b) for a, b in pairs if a.throughput is not None and b.throughput is not None]


def _standing(candidate: Candidate, runs: list[Measured], percentile: str) -> Standing:
    # The repeated runs alone, where there are any: they were made in turn. Latency may have been read before only.
    valid = [each for each in runs if each.throughput is not None]
    tails = [each for each in valid if each.rung == FINAL and each.latency] or valid
    valid = [each for each in valid if each.rung == FINAL] or valid
    return Standing(
        candidate=candidate,
        corners=runs[0].corners,
        runs=len(valid),
        throughput=_median(each.throughput for each in valid),
        sender_bound=any(each.sender_bound for each in valid),
        tail=_median(each.latency.get(percentile) for each in tails),
        carries=next((each.carries for each in reversed(tails) if each.carries is not None), None),
        memory=_median(each.memory for each in valid),
    )


def _median(values: Iterable[float | None]) -> float | None:
    told = [value for value in values if value is not None]
    return statistics.median(told) if told else None


def _point(each: Standing) -> tuple[float, float, float] | None:
    if each.throughput is None or each.tail is None or each.memory is None:
        return None
    return each.throughput, -each.tail, -each.memory


def _best(walk: Walk, finalists: set[Candidate]) -> tuple[Candidate | None, str]:
    """The fastest safe candidate that meets the objective, of the finalists; without any, of all."""
    safe = [each for each in walk.standings if not each.corners and each.throughput is not None]
    safe = [each for each in safe if each.candidate in finalists] or safe
    if not safe:
        return None, "no run of safe settings was valid, so there is nothing to choose by"
    lossy = _lossy(walk)
    safe = [each for each in safe if each.candidate not in lossy]
    if not safe:
        return None, "all safe settings lost tasks, so there is nothing to choose from"
    meeting = [each for each in safe if _meets(each, walk.objective)]
    if not meeting:
        if all(each.tail is None and each.carries is not False for each in safe):
            return walk.present, f"{walk.percentile} was read of no safe settings; what is there stays"
        return walk.present, "no other safe settings met the objective; what is there stays"
    first, *rest = meeting
    if first.candidate == walk.present and (bound := [each for each in rest if each.sender_bound]):
        return walk.present, f"not told apart from {bound[0].candidate}: the sender was the limit; what is there stays"
    return first.candidate, "the highest throughput of the safe settings"


def _lossy(walk: Walk) -> set[Candidate]:
    """What lost a task in any of its runs, valid or not: it is never best, however safe it should be."""
    return {each.candidate for each in walk.measured if each.missing}


def _meets(each: Standing, objective: float | None) -> bool:
    """An objective that was not read is not met."""
    return each.carries is not False and (objective is None or (each.tail is not None and each.tail <= objective))


def _worth_it(walk: Walk, best: Candidate) -> tuple[Candidate, str]:
    """Whether the best is told apart from the present settings; of those not told apart from it, the simplest."""
    if any(each.sender_bound for each in walk.standings if each.candidate == walk.present):
        # What is there carries at least what was sent; how much more, nobody knows.
        said = f"{best} is not told apart from what is there: the sender was the limit"
        return walk.present, f"{said}; what is there stays"
    last = [each for each in walk.measured if each.rung == FINAL]
    rounds = together(last, walk.present, best)
    # The best of several is the luckiest of them too: the level of the test is shared by all that it could have been.
    rivals = len({each.candidate for each in last if not each.corners and each.candidate != walk.present})
    fewest = fewest_runs(max(1, rivals))
    if len(rounds) < fewest:
        said = f"{len(rounds)} repeated runs of each are too few to tell {best} from what is there ({fewest} can)"
        return walk.present, f"{said}; what is there stays. A longer --budget has more"
    walk.gain = _compare(rounds, rivals)
    if not walk.gain.different:
        return walk.present, (
            f"{best} is not told apart from what is there at {len(rounds)} runs of each (smallest detectable: "
            f"{walk.gain.detectable:.0%}); what is there stays"
        )
    if walk.gain.change.value < 1:
        return walk.present, "what is there is faster than all that meets the objective"
    for other in sorted(_safe_finalists(walk), key=_simplicity):
        if other == best:
            break
        against = together(last, other, best)
        better = together(last, walk.present, other)
        if min(len(against), len(better)) < fewest or other == walk.present:
            continue
        gain = _compare(better, rivals)
        if not _compare(against, rivals).different and gain.different and gain.change.value > 1:
            walk.gain = gain
            return other, f"not told apart from {best}, the fastest, and simpler"
    return best, "the highest throughput of the safe settings, told apart from what is there"


def _compare(rounds: Rounds, rivals: int) -> Difference:
    one, other = ([each.throughput for each in side if each.throughput] for side in zip(*rounds, strict=True))
    return compare("throughput", one, other, metrics=rivals, more_is_worse=False)


def _safe_finalists(walk: Walk) -> list[Candidate]:
    last = {each.candidate for each in walk.measured if each.rung == FINAL and not each.corners} - _lossy(walk)
    return [each.candidate for each in walk.standings if each.candidate in last and _meets(each, walk.objective)]


def _simplicity(candidate: Candidate) -> tuple[int, int, int, int]:
    """Fewer of everything first: processes, what works in them, the kind that does less, what lies in hand."""
    return candidate.processes, candidate.concurrency, KINDS.index(candidate.kind), candidate.prefetch


def _pairs(last: list[Measured], contract: Contract) -> list[tuple[Candidate, Candidate]]:
    """(with, without): finalists that differ in one corner only."""
    finalists = list(dict.fromkeys(each.candidate for each in last))
    safe = [each for each in finalists if not corners(each, contract)]
    safer = {"ack": "late", "confirms": "on", "queue_type": contract.broker.queue_type}
    lossy = [each for each in finalists if len(corners(each, contract)) == 1]
    return [(twin, each) for each in lossy if (twin := each.model_copy(update=safer)) in safe]


def _price(pair: tuple[Candidate, Candidate], last: list[Measured], walk: Walk, contract: Contract) -> Price | None:
    rounds = together(last, *pair)
    if len(rounds) < 2:
        return None
    (corner,) = corners(pair[1], contract)

    def quotient(value: Callable[[Measured], float | None], what: str) -> Interval | None:
        told = [(a, b) for a, b in ((value(one), value(other)) for one, other in rounds) if a and b]
        if len(told) < 2:
            return None
        with_it, without = zip(*told, strict=True)
        return ratio(without, with_it, what)

    throughput = quotient(lambda each: each.throughput, f"throughput without ÷ with, {pair[1]}")
    tail = quotient(lambda each: each.latency.get(walk.percentile), f"{walk.percentile} without ÷ with")
    return Price(corner=corner, throughput=throughput, tail=tail) if throughput else None
