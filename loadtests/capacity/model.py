"""The model: a queue with c servers (Erlang C, with Allen and Cunneen's correction), and the USL over worker counts.

A worker process has one server, or as many as it works on tasks at once. Arrivals are Poisson, as the generator's are.
"""

import math
import statistics
from collections.abc import Sequence

import numpy as np
from scipy import stats

from loadtests.analysis.histograms import QUANTILES
from loadtests.analysis.interval import CONFIDENCE
from loadtests.capacity import scaling
from loadtests.capacity.document import Arm, Demand, Estimate, Model, Point, Prediction
from loadtests.capacity.saturation import BROKER, MACHINE, PARTS, RESULTS, WEB, WORKER, grew
from loadtests.capacity.scaling import usl

# The parts that more workers do not help; and how many runs it takes to tell what a task costs them.
OTHERS = (WEB, BROKER, RESULTS)
FEWEST = 4
USABLE = ("met", "stable", "not met")


def erlang_c(servers: int, load: float) -> float:
    """The probability that an arrival must wait in M/M/c. `load`: rate × service time, below `servers`, else 1."""
    if load >= servers:
        return 1.0
    blocking = 1.0  # Erlang B, by its recursion: no factorial that overflows
    for count in range(1, servers + 1):
        blocking = load * blocking / (count + load * blocking)
    return blocking / (1 - load / servers * (1 - blocking))


def wait(servers: int, rate: float, service: float, spread: float) -> float:
    """Mean seconds in the queue of M/G/c, by Allen and Cunneen; infinite when it grows."""
    if rate * service >= servers:
        return math.inf
    return erlang_c(servers, rate * service) / (servers / service - rate) * (1 + spread) / 2


def wait_quantile(servers: int, rate: float, service: float, spread: float, quantile: float) -> float:
    """That quantile of the wait, whose tail is taken as exponential (exact for M/M/c)."""
    if rate * service >= servers:
        return math.inf
    beyond = erlang_c(servers, rate * service) / (1 - quantile)
    return max(0.0, math.log(beyond)) / (servers / service - rate) * (1 + spread) / 2 if beyond > 0 else 0.0


def fit(arms: list[Arm]) -> Model | None:
    """From the runs that were made for it. None where no worker's service time was seen in a valid run."""
    used = [(arm, point) for arm in arms for point in _points(arm, "fit") if point.service]
    if not used:
        return None
    times = [point.service for _, point in used if point.service]
    bound = statistics.mode(point.bound for _, point in used)
    per_process = arms[0].slots if bound == "slots" else arms[0].lanes
    spread = statistics.median(point.spread for _, point in used)
    service = _mean(times, "seconds of one server for one task")
    model = Model(
        service=service,
        spread=spread,
        servers=per_process,
        bound=bound,
        rest={},
        single=_single(per_process, service),
        contention=Estimate(value=0.0, low=None, high=None, of="alpha"),
        coherency=Estimate(value=0.0, low=None, high=None, of="beta"),
        counts=[],
        demands=_demands(used),
        fitted=[point.offered for _, point in used if point.offered],
        predictions=[],
        notes=[],
        draws=_draws_of(per_process, times),
    )
    if not model.demands:
        model.notes.append("too few runs told what a task costs the other parts: that they have room is not checked")
    _scale(model, arms)
    _above(model, used)
    for key in ("mean", *QUANTILES):
        left = []
        for arm, point in used:
            measured, queue = point.latency.get(key), queued(model, arm.workers, point.offered or 0.0, key)
            if measured is not None and math.isfinite(queue):
                left.append(max(0.0, measured - queue))
        if left:
            model.rest[key] = statistics.median(left)
    model.predictions += [each for arm in arms for each in _predictions(model, arm)]
    return model


def rate_of(model: Model, workers: int) -> float:
    """Tasks a second at which so many worker processes are busy all the time."""
    return usl(workers, model.single.value, model.contention.value, model.coherency.value)


def queued(model: Model, workers: int, rate: float, key: str) -> float:
    """Seconds in the queue: the mean, or a quantile by its key."""
    servers = workers * model.servers
    service = servers / rate_of(model, workers)  # what contention makes of it
    if key == "mean":
        return wait(servers, rate, service, model.spread)
    return wait_quantile(servers, rate, service, model.spread, QUANTILES[key] / 100)


def latency(model: Model, workers: int, rate: float, key: str) -> float | None:
    """Seconds from scheduled to finished; infinite when the queue grows, None for what was never measured."""
    return model.rest[key] + queued(model, workers, rate, key) if key in model.rest else None


def _scale(model: Model, arms: list[Arm]) -> None:
    """The law over what saturated workers got done; without any, what the service time allows."""
    peaks = {arm.workers: saturated(arm) for arm in arms if arm.first == WORKER}
    peaks = {count: values for count, values in peaks.items() if values}
    left_out = [str(arm.workers) for arm in arms if arm.workers not in peaks]
    if left_out:
        model.notes.append(
            f"with {', '.join(left_out)} worker processes no saturated worker was measured: the rate of one process "
            "comes from its service time there, and is an upper bound"
        )
    if not peaks:
        return
    runs = [(count, rate) for count in sorted(peaks) for rate in peaks[count]]
    law = scaling.law(runs)
    for index, name in enumerate(("single", "contention", "coherency")):
        low, high = scaling.interval([draw[index] for draw in law.draws])
        if index >= len(peaks):
            low = high = None  # was not fitted
        earlier: Estimate = getattr(model, name)
        setattr(model, name, Estimate(value=law.found[index], low=low, high=high, of=earlier.of))
    model.counts, model.draws = sorted(peaks), law.draws
    if len(peaks) > 2:  # the law's own test: the largest count, from what the others said
        *fewer, most = sorted(peaks)
        told = usl(most, *scaling.fit_usl(*zip(*[each for each in runs if each[0] != most], strict=True)))
        measured = statistics.mean(peaks[most])
        what = f"highest rate, from {', '.join(map(str, fewer))} workers"
        model.predictions.append(
            Prediction(
                workers=most, rate=measured, what=what, predicted=told, measured=measured, error=told / measured - 1
            )
        )
    if len(peaks) < 3:
        model.notes.append(
            f"{len(peaks)} worker count(s) measured: of the USL, "
            f"{'alpha and beta are' if len(peaks) == 1 else 'beta is'} taken as 0; --workers 1,2,3 measures more"
        )


def saturated(arm: Arm) -> list[float]:
    """Tasks a second that an arm's workers can do, by each run in which they always had work.

    Beyond its limit a stack does less: front end and generator take processors from the workers. So what it carried
    with a stable queue is the least, and counts once for all runs that did less: they tell nothing of its scatter.
    """
    grown = [point.done for point in arm.points if point.verdict == "growing" and point.done > 0]
    found = grown or [point.done for point in arm.points if point.verdict == "estimate" and grew(point)]
    least = max((point.done for point in arm.points if point.verdict in USABLE), default=0.0)
    more = [each for each in found if each > least]
    return more if len(more) == len(found) else [*more, least]


def _above(model: Model, used: list[tuple[Arm, Point]]) -> None:
    """Say which stable runs the fitted law calls impossible: they tell nothing of the rest of the latency."""
    above = [(arm, point) for arm, point in used if (point.offered or 0.0) >= rate_of(model, arm.workers)]
    if above:
        told = ", ".join(f"{point.offered:,.0f}/s with {arm.workers}" for arm, point in above)
        model.notes.append(
            f"{len(above)} of {len(used)} stable runs lie above what the fitted law allows ({told} processes): it is "
            "too low there, and what their latency is beside the queue is taken from the other runs"
        )


def _predictions(model: Model, arm: Arm) -> list[Prediction]:
    found = []
    for point in _points(arm, "held out"):
        for key in ("mean", *QUANTILES):
            measured = point.latency.get(key)
            told = latency(model, arm.workers, point.offered or 0.0, key)
            guess = _nearest(arm, point.offered or 0.0, key)
            if measured and told is not None:
                seen = told if math.isfinite(told) else None
                found.append(
                    Prediction(
                        workers=arm.workers,
                        rate=point.offered or 0.0,
                        what=key.replace("p999", "p99.9"),
                        predicted=seen,
                        measured=measured,
                        error=None if seen is None else seen / measured - 1,
                        naive=None if guess is None else guess / measured - 1,
                    )
                )
    return found


def _nearest(arm: Arm, rate: float, key: str) -> float | None:
    """The latency at the nearest rate of the fit."""
    there = [point for point in _points(arm, "fit") if point.latency.get(key) is not None]
    best = min(there, key=lambda point: abs((point.offered or 0.0) - rate), default=None)
    return best.latency[key] if best else None


def _points(arm: Arm, use: str) -> list[Point]:
    """Runs with a stable queue. What the search tried feeds the fit as well; what is held out never does."""
    uses = ("fit", "search") if use == "fit" else (use,)
    return [point for point in arm.points if point.use in uses and point.verdict in USABLE]


def _demands(used: list[tuple[Arm, Point]]) -> dict[str, Demand]:
    """Utilisation law: what one task a second adds to each part's use, where the runs show that it adds any."""
    runs = [(point.done, _uses(point)) for _, point in used]
    found = {}
    for name in {name for _, uses in runs for name in uses}:
        rates, shares = zip(*((done, uses[name]) for done, uses in runs if name in uses), strict=True)
        if len(set(rates)) >= FEWEST:
            line = stats.linregress(rates, shares)
            if line.slope > 0 and line.pvalue < 1 - CONFIDENCE:
                found[name] = Demand(idle=max(0.0, float(line.intercept)), each=float(line.slope))
    return found


def _uses(point: Point) -> dict[str, float]:
    """Share in use of each part that is not planned; of the machine, what all parts use of it, and nobody else."""
    uses = {name: part.share for name, part in point.parts.items() if part.share is not None and name in OTHERS}
    machine = point.parts.get(MACHINE)
    if machine and machine.share and machine.cores:
        ours = sum(part.cores or 0.0 for name, part in point.parts.items() if name in PARTS)
        uses[MACHINE] = ours * machine.share / machine.cores
    return uses


def _single(per_process: int, service: Estimate) -> Estimate:
    """Tasks a second of one process, by the time of a task."""
    low, high = (per_process / end if end else None for end in (service.high, service.low))
    return Estimate(value=per_process / service.value, low=low, high=high, of="tasks/s of one process")


def _draws_of(per_process: int, times: Sequence[float]) -> list[scaling.Parameters]:
    """The same, drawn as far as the runs leave it open."""
    if len(times) < 2:
        return []
    error = statistics.stdev(times) / math.sqrt(len(times))
    drawn = np.random.default_rng(1).standard_t(len(times) - 1, scaling.RESAMPLES) * error + statistics.fmean(times)
    return [(per_process / float(each), 0.0, 0.0) for each in drawn if each > 0]


def _mean(values: Sequence[float], of: str) -> Estimate:
    """With Student's interval over runs."""
    value = statistics.fmean(values)
    if len(values) < 2:
        return Estimate(value=value, low=None, high=None, of=of)
    half = statistics.stdev(values) / math.sqrt(len(values)) * float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return Estimate(value=value, low=max(0.0, value - half), high=value + half, of=of)
