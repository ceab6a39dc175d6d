"""From a model to a number of worker processes, and into stack.yml with its comments as they were."""

import math
from dataclasses import dataclass, field
from pathlib import Path

from app.contract import parse_contract
from loadtests import stack_file
from loadtests.analysis.stages import HEADLINE
from loadtests.capacity.document import Capacity, Model
from loadtests.capacity.model import latency, rate_of
from loadtests.capacity.saturation import MACHINE
from loadtests.capacity.scaling import interval
from loadtests.gate.slo import COUNTS, OPERATORS, PERCENTILES, Objective, parse
from loadtests.stack_file import CannotChange

MOST = 1000
# So many times the messages that a process can work on, taken in advance, are a queue of its own.
MUCH = 2
# A part that is busier than this, the workers too, has no room for what differs from the measurement.
BUSY = 0.9


class BadPlan(Exception):
    """No number can be given; the text says why and what to do."""


@dataclass
class Plan:
    """`workers`: processes of `pool`. `low`, `high`: the same at the ends of the interval; None: it has none.

    Infinite: no count suffices at that end.
    """

    pool: str
    rate: float
    workers: int
    low: float | None
    high: float | None
    utilisation: float
    predicted: dict[str, float]
    breaks: str
    warnings: list[str] = field(default_factory=list)


def plan(capacity: Capacity, rate: float, objectives: list[Objective]) -> Plan:
    """The fewest processes, none too busy, that carry the rate within the objectives. Raises BadPlan.

    Without objectives it is planned for those that the capacity run was made with.
    """
    model, pool = capacity.model, capacity.pool
    if model is None or pool is None:
        why = "; ".join(capacity.notes) or "no run gave a model"
        raise BadPlan(f"run {capacity.run} has no model of one pool's workers ({why}). Measure one task with --task")
    said: list[str] = []
    if not objectives:
        objectives, said = _measured(capacity, model)
    judged = [_understood(each, model) for each in objectives if each.name not in COUNTS]
    over = _others(model, rate)
    if over:
        raise BadPlan(
            f"{rate:g} tasks/s are more than more workers would help with: {'; '.join(over)}. Give those more first "
            "(front ends: `web.processes`; the machine: more cores, or other hosts), and measure again"
        )
    workers = _fewest(model, rate, judged)
    if workers is None:
        raise BadPlan(_unreachable(model, rate, judged))
    low, high = _ends(model, rate, judged)
    return Plan(
        pool=pool,
        rate=rate,
        workers=workers,
        low=low,
        high=high,
        utilisation=rate / rate_of(model, workers),
        predicted={each.text: _predict(model, workers, rate, each) for each in judged},
        breaks=_breaks(model, rate, workers),
        warnings=[*said, *_warnings(capacity, model, rate, workers, objectives)],
    )


def _measured(capacity: Capacity, model: Model) -> tuple[list[Objective], list[str]]:
    """The objectives of the capacity run, as far as the model tells of them, and what to know of them."""
    found, said = [], []
    for objective in map(parse, capacity.objectives):
        try:
            found.append(objective if objective.name in COUNTS else _understood(objective, model))
        except BadPlan as error:
            said.append(f"not planned for, though it was measured with: {error}")
    if found:
        said.append(f"planned for what run {capacity.run} was measured with: {' '.join(each.text for each in found)}")
    if all(each.name in COUNTS for each in found):
        said.append(f"planned for the rate alone: how long tasks wait, at up to {BUSY:.0%} busy, is not limited; --slo")
    return found, said


def _understood(objective: Objective, model: Model) -> Objective:
    if objective.name == "rate" or objective.stage != HEADLINE or objective.name == "max":
        raise BadPlan(
            f"{objective.text}: the model tells {', '.join(n for n in PERCENTILES if n != 'max')} of {HEADLINE}"
        )
    if PERCENTILES[objective.name] not in model.rest:
        raise BadPlan(
            f"{objective.text}: no run of the fit had tasks enough for a {objective.name}; measure with "
            f"--slo '{objective.text}' or longer --seconds"
        )
    return objective


def _predict(model: Model, workers: int, rate: float, objective: Objective) -> float:
    told = latency(model, workers, rate, PERCENTILES[objective.name])
    return math.inf if told is None else told


def _fewest(model: Model, rate: float, objectives: list[Objective]) -> int | None:
    # What is missed even without any queue, no count meets: it would take long to try them all.
    if not all(OPERATORS[each.compare](model.rest[PERCENTILES[each.name]], each.limit) for each in objectives):
        return None
    most = 0.0
    for workers in range(1, MOST + 1):
        ceiling = rate_of(model, workers)
        if ceiling <= most:
            return None  # from here on, more carry less
        most = ceiling
        if rate <= BUSY * ceiling and all(
            OPERATORS[each.compare](_predict(model, workers, rate, each), each.limit) for each in objectives
        ):
            return workers
    return None


def _ends(model: Model, rate: float, objectives: list[Objective]) -> tuple[float | None, float | None]:
    """The count for each law that the runs leave open: the interval of these."""
    counts = []
    for draw in model.draws:
        names = zip(("single", "contention", "coherency"), draw, strict=True)
        parts = {name: getattr(model, name).model_copy(update={"value": value}) for name, value in names}
        counts.append(_fewest(model.model_copy(update=parts), rate, objectives) or math.inf)
    return interval(counts)


def _others(model: Model, rate: float) -> list[str]:
    """Parts beside the workers that would be full."""
    return [
        f"the {name} would be {demand.busy(rate):.0%} busy, full at about {demand.ceiling:,.0f} tasks/s"
        for name, demand in sorted(model.demands.items(), key=lambda each: each[1].ceiling)
        if demand.busy(rate) > BUSY
    ]


def _breaks(model: Model, rate: float, workers: int) -> str:
    """The assumption that goes wrong at the lowest load."""
    ceilings = {name: demand.ceiling for name, demand in model.demands.items()}
    ceilings["workers"] = rate_of(model, workers)
    first = min(ceilings, key=lambda name: ceilings[name])
    what = {
        "workers": f"that a task takes {model.service.value * 1000:.3g} ms of a worker, as measured, and arrivals are "
        "independent: slower tasks or bursts use up the room",
        MACHINE: "that this machine's cores, which everything shares, are enough",
    }.get(first, f"that the {first} stays as busy per task as it was")
    return f"{what} (full at about {ceilings[first]:,.0f} tasks/s)"


def _unreachable(model: Model, rate: float, objectives: list[Objective]) -> str:
    best = max(range(1, MOST + 1), key=lambda count: rate_of(model, count))
    if rate > BUSY * rate_of(model, best):
        return (
            f"{rate:g} tasks/s are out of reach: with contention {model.contention.value:.3g} and coherency "
            f"{model.coherency.value:.3g} the most is {rate_of(model, best):,.0f} tasks/s, with {best} processes; a "
            f"plan keeps them at most {BUSY:.0%} busy"
        )
    missed = [
        f"{each.text} comes to {_predict(model, best, rate, each):.3g} s even without any queue" for each in objectives
    ]
    return f"no number of workers meets it: {'; '.join(missed)}. Make the task faster, or allow it more time"


def _warnings(capacity: Capacity, model: Model, rate: float, workers: int, objectives: list[Objective]) -> list[str]:
    found = [f"run {capacity.run} is unfinished: {capacity.unfinished}"] if capacity.unfinished else []
    found += model.notes
    measured = [arm.workers for arm in capacity.arms]
    if workers > max(measured):
        found.append(f"{workers} processes lie beyond the {max(measured)} that were measured: an extrapolation")
    slots = capacity.arms[0].slots
    if workers > 1 and capacity.prefetch and capacity.prefetch > MUCH * slots:
        found.append(
            f"each process takes {capacity.prefetch} messages in advance and works on {slots} at once: they wait for "
            "it while others are free, so waits are longer than predicted, which is for one queue before all of them. "
            f"A lower prefetch for pool {capacity.pool} brings them closer"
        )
    errors = [abs(each.error) for each in model.predictions if each.error is not None]
    if errors:
        found.append(f"the model was off by up to {max(errors):.0%} where it was tested")
    elif model.predictions == []:
        found.append("the model was tested on no held-out run")
    counted = [each.text for each in objectives if each.name in COUNTS]
    if counted:
        lost = sum(point.missing for arm in capacity.arms for point in arm.points)
        found.append(f"{', '.join(counted)}: no model predicts it; {lost:,} tasks were lost in all measured runs")
    return found


def with_processes(text: str, source: Path, pool: str, count: int) -> str:
    """stack.yml's text with that pool's `processes` changed and nothing else. Raises BadPlan, ContractError."""
    pools = parse_contract(text, source).pools
    if pool not in pools:
        raise BadPlan(f"{source} has no pool {pool}; it has {', '.join(pools)}. Give the one that was measured")
    try:
        return stack_file.changed(text, source, {f"pools.{pool}": {"processes": count}})
    except CannotChange as error:
        raise BadPlan(str(error)) from error
