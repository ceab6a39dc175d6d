"""Costs of the model from two measured rates: processor time from how its use grew between them, delays from the lower,
how much processor times vary from the latency at the higher.

What is not measured apart is an assumption, and stands here: how a part's time for one task divides into its steps.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.scale.measured import PERCENTILES, ROLES, Point
from benchmarks.scale.stack import Costs, Layout, Simulated, simulate

# The model's length; a run of fewer tasks than these has wider percentiles than the measured one.
LEAST, MOST = 5_000, 20_000
# Of all cores, with what other programs take.
FULLEST = 0.95
# How much processor times may vary, from not at all to exponentially (see Costs): nobody measures that of each task.
VARIATIONS = (0.0, 0.1, 0.25, 0.5, 1.0)


@dataclass(frozen=True)
class Calibrated:
    """`costs` without what other programs took; `low`, `high`: where they are from; `idle`: cores without any task."""

    costs: Costs
    low: Point
    high: Point
    idle: float


@dataclass(frozen=True)
class Checked:
    """A point that was not used, and what the model says of it. Errors are simulated ÷ measured − 1."""

    point: Point
    simulated: Simulated

    @property
    def done(self) -> float:
        return self.simulated.done / self.point.done - 1

    def error(self, name: str) -> float | None:
        seen = self.point.latency[name]
        return self.simulated.quantile(PERCENTILES[name]) / seen - 1 if seen else None


def choose(points: list[Point]) -> tuple[Point, Point, list[Point]]:
    """The lowest rate and the one below the highest; all others are held out. Needs three points."""
    # The highest is where queues are longest: a model that knows it has little left to show.
    low, high = points[0], points[-2]
    return low, high, [each for each in points if each not in (low, high)]


def calibrate(low: Point, high: Point) -> Calibrated:
    """From two rates of one run."""
    each, idle = dict[str, float](), 0.0
    for role in ROLES:
        grown = (high.cores[role] - low.cores[role]) / (high.done - low.done)
        # Where noise hides the growth, all that was used counts as the tasks'.
        each[role] = grown if grown > 0 else high.cores[role] / high.done
        idle += max(0.0, high.cores[role] - each[role] * high.done)
    stage = low.stages
    generator, web, broker, worker = (each[role] for role in ROLES)
    request = min(web * stage["sent_to_published"] / (stage["sent_to_published"] + low.reply or 1.0), web)
    send = min(generator / 2, stage["scheduled_to_sent"])
    before = min(worker / 3, stage["received_to_started"])
    task = min(worker / 3, stage["started_to_finished"])
    costs = Costs(
        send=send,
        answer=generator - send,
        request=request,
        reply=web - request,
        store=broker / 3,
        deliver=broker / 3,
        settle=broker / 3,
        before=before,
        task=task,
        after=worker - before - task,
    )
    computed = {
        "scheduled_to_sent": costs.send,
        "sent_to_published": costs.request,
        "published_to_received": costs.store + costs.deliver,
        "received_to_started": costs.before,
        "started_to_finished": costs.task,
        "published_to_confirmed": costs.store,
    }
    delays = {name: tuple(np.maximum(np.asarray(low.samples[name]) - spent, 0.0)) for name, spent in computed.items()}
    return Calibrated(replace(costs, delays=delays), low, high, idle)


def fit_variation(model: Calibrated, layout: Layout) -> Calibrated:
    """The same with the variation by which p50 and p90 at the higher rate come out best: least sum of log ratios."""

    def off(variation: float) -> float:
        tried = check(replace(model, costs=replace(model.costs, variation=variation)), layout, model.high)
        errors = [tried.error(name) for name in ("p50", "p90")]
        return sum(abs(math.log1p(error)) for error in errors if error is not None)

    best = min(VARIATIONS, key=off)
    return replace(model, costs=replace(model.costs, variation=best))


def check(model: Calibrated, layout: Layout, point: Point, seed: int = 1) -> Checked:
    """What the model says of a rate, told only the rate and how much other programs took meanwhile."""
    # Programs that would take more than is left get no more than that: the system's scheduler is fair.
    left = FULLEST * layout.cores - model.costs.all * point.offered
    costs = replace(model.costs, background=max(0.0, min(model.idle + point.others, left)))
    tasks = min(MOST, max(LEAST, point.tasks))
    return Checked(point, simulate(costs, layout, point.offered, tasks, seed, point.arrivals))
