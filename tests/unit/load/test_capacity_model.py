"""The queueing model against textbooks, against a simulated queue, and against runs that it has not seen."""

import heapq
import math

import numpy as np
import pytest

from loadtests.capacity.document import Arm, Point, Utilisation
from loadtests.capacity.model import erlang_c, fit, fit_usl, latency, rate_of, usl, wait, wait_quantile

SERVICE, REST = 0.05, 0.01


@pytest.mark.parametrize(
    ("servers", "load", "probability"),
    [
        # M/M/1 and M/M/2 in closed form: ρ, and 2ρ²/(1+ρ). Gross, Shortle, Thompson, Harris: Fundamentals of Queueing
        # Theory, chapter "Simple Markovian queueing models".
        (1, 0.8, 0.8),
        (2, 1.0, 1 / 3),
        (2, 1.6, 2 * 0.8**2 / 1.8),
        # Ten erlangs and fourteen agents, the example of telephone traffic tables.
        (14, 10.0, 0.1741),
        (3, 3.0, 1.0),
    ],
)
def test_erlang_c_is_that_of_the_textbooks(servers: int, load: float, probability: float):
    assert erlang_c(servers, load) == pytest.approx(probability, abs=5e-5)
    assert 0 <= erlang_c(500, 400.0) < 0.001  # no factorial that overflows


def test_waits_of_one_server_are_pollaczek_and_khinchine_s():
    # M/M/1 at ρ = 0.8 and μ = 1: ρ/(μ−λ) = 4; constant service waits half as long; nobody waits with no arrivals.
    assert wait(1, 0.8, 1.0, spread=1.0) == pytest.approx(4.0)
    assert wait(1, 0.8, 1.0, spread=0.0) == pytest.approx(2.0)
    assert wait_quantile(1, 0.8, 1.0, 1.0, 0.99) == pytest.approx(math.log(80) / 0.2)
    assert wait_quantile(1, 0.001, 1.0, 1.0, 0.99) == 0
    assert wait(1, 1.0, 1.0, 1.0) == math.inf


def simulated(workers: int, rate: float, use: str = "fit", tasks: int = 60_000, peak: float | None = None) -> Point:
    """A run on a simulated M/M/c queue, event by event: nothing of the formulas that are tested."""
    rng = np.random.default_rng(round(rate * 100) + workers)
    arrivals = np.cumsum(rng.exponential(1 / rate, tasks))
    services = rng.exponential(SERVICE, tasks)
    free, taken = [0.0] * workers, np.empty(tasks)
    for number, (at, service) in enumerate(zip(arrivals, services, strict=True)):
        end = max(at, heapq.heappop(free)) + service
        heapq.heappush(free, end)
        taken[number] = end - at + REST
    quantiles = dict(zip(("p50", "p90", "p99", "p999"), np.quantile(taken, [0.5, 0.9, 0.99, 0.999]), strict=True))
    return Point(
        name=f"{workers}-{use}-{rate:g}",
        use=use,  # type: ignore[arg-type]
        offered=rate,
        done=peak or rate,
        slope=0.0,
        verdict="growing" if peak else "stable",
        why="",
        latency={"mean": float(taken.mean()), **{key: float(value) for key, value in quantiles.items()}},
        count=tasks,
        service=float(services.mean()),
        spread=float(services.var() / services.mean() ** 2),
        processes=workers,
        parts={"worker": Utilisation(cores=0.1, share=rate * SERVICE / workers, of="its slots")},
        accepted=tasks,
        missing=0,
        duplicated=0,
        balanced=True,
    )


def arm(workers: int, *points: Point, first: str | None = "worker") -> Arm:
    return Arm(workers=workers, slots=1, points=list(points), rate=1.0, limit=None, first=first, why="")


def test_the_model_recovers_a_simulated_queue_and_predicts_runs_it_did_not_see():
    points = [simulated(4, rate) for rate in (20, 40, 60)]
    model = fit([arm(4, *points, simulated(4, 50, "held out"), first="web")])
    assert model
    assert model.service.value == pytest.approx(SERVICE, rel=0.02)
    assert model.service.low is not None and model.service.high is not None
    assert model.service.low < model.service.value < model.service.high
    assert model.spread == pytest.approx(1.0, abs=0.1)
    assert model.rest["mean"] == pytest.approx(SERVICE + REST, rel=0.1)
    told = {each.what: each.rate for each in model.predictions}
    assert told == dict.fromkeys(["mean", "p50", "p90", "p99", "p99.9"], 50)
    mean = next(each for each in model.predictions if each.what == "mean")
    assert abs(mean.error or 9) < 0.1
    assert latency(model, 4, 81, "mean") == math.inf


def test_a_held_out_run_changes_no_parameter_and_its_error_shows():
    seen = [simulated(4, rate) for rate in (20, 40, 60)]
    odd = simulated(4, 50, "held out").model_copy(update={"latency": {"mean": 10.0}})
    model, without = fit([arm(4, *seen, odd)]), fit([arm(4, *seen)])
    assert model and without
    assert (model.service, model.rest) == (without.service, without.rest)
    (told,) = model.predictions
    assert told.error == pytest.approx((told.predicted or 0) / 10 - 1)


def test_what_a_task_costs_other_parts_is_told_apart_from_idling_and_from_other_programs():
    points = []
    for rate, others in ((20, 0.9), (35, 0.1), (50, 0.7), (60, 0.3), (70, 0.2)):
        web, worker = 0.1 + rate / 100, 0.2
        parts = {
            "web": Utilisation(cores=web, share=web / 2, of=""),
            "worker": Utilisation(cores=worker, share=0.5, of=""),
            "machine": Utilisation(cores=web + worker + others, share=(web + worker + others) / 2, of=""),
        }
        points.append(simulated(4, rate, tasks=2000).model_copy(update={"parts": parts}))
    model = fit([arm(4, *points)])
    assert model
    assert (model.demands["web"].idle, model.demands["web"].each) == pytest.approx((0.05, 0.005))
    assert model.demands["machine"].ceiling == pytest.approx(170)
    assert set(model.demands) == {"web", "machine"}
    few = fit([arm(4, *points[:2])])
    assert few and few.demands == {} and "room is not checked" in " ".join(few.notes)


def test_an_invalid_run_feeds_no_fit():
    invalid = simulated(4, 40).model_copy(update={"verdict": "invalid"})
    assert fit([arm(4, invalid)]) is None


def test_the_scalability_law_is_recovered_over_worker_counts():
    counts = [1, 2, 4, 8, 16]
    assert fit_usl(counts, [usl(n, 20, 0.05, 0.002) for n in counts]) == pytest.approx((20, 0.05, 0.002), rel=0.01)
    # Two counts tell of contention only, one of neither.
    assert fit_usl([1, 2], [20, 36])[2] == 0
    assert fit_usl([3], [60]) == pytest.approx((20, 0, 0))


def test_worker_counts_make_the_law_with_intervals_and_a_held_out_count():
    arms = []
    for workers in (1, 2, 3):
        peak = usl(workers, 20, 0.1, 0.0)
        ends = [simulated(workers, 2 * peak, "search", 200, peak * factor) for factor in (0.97, 1.03)]
        arms.append(arm(workers, simulated(workers, peak / 2, tasks=5000), *ends))
    model = fit(arms)
    assert model
    assert (model.counts, rate_of(model, 2)) == ([1, 2, 3], pytest.approx(usl(2, 20, 0.1, 0), rel=0.03))
    assert model.single.low is not None and model.single.high is not None
    assert model.single.low <= 20 <= model.single.high
    told = next(each for each in model.predictions if each.what.startswith("highest rate"))
    assert (told.workers, abs(told.error or 9) < 0.1) == (3, True)
