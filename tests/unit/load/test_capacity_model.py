"""The queueing model against textbooks, against a simulated queue, and against runs that it has not seen."""

import heapq
import io
import math
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from loadtests.capacity import show
from loadtests.capacity.document import Arm, Point, Utilisation
from loadtests.capacity.model import erlang_c, fit, latency, rate_of, wait, wait_quantile
from loadtests.capacity.scaling import fit_usl, interval, law, usl

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


def arm(workers: int, *points: Point, first: str | None = "worker", **changes: Any) -> Arm:
    values = {"slots": 1, "points": list(points), "rate": 1.0, "limit": None, "first": first, "why": ""}
    return Arm(workers=workers, **values | changes)


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


def test_beside_each_error_stands_that_of_the_guess_without_a_model():
    points = [simulated(4, rate) for rate in (20, 60)]
    held_out = simulated(4, 50, "held out")
    model = fit([arm(4, *points, held_out, first="web")])
    assert model
    told = {each.what: each for each in model.predictions}
    guess, measured = points[1].latency["p99"], held_out.latency["p99"]
    assert guess and measured and told["p99"].naive == pytest.approx(guess / measured - 1)
    assert abs(told["p99"].error or 9) < abs(told["p99"].naive or 0)
    console = Console(width=120, file=io.StringIO())
    console.print(show.model(model)[1])
    assert f"{told['p99'].naive:+.0%}" in console.file.getvalue()  # type: ignore[attr-defined]


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


def seen(workers: int, rate: float, done: float | None = None, verdict: str = "met") -> Point:
    """A run of the search; nothing of it but its rates and its verdict matters."""
    found = simulated(workers, min(rate, 0.9 * workers / SERVICE), "search", 200)
    return found.model_copy(update={"offered": rate, "done": done or rate, "verdict": verdict})


def test_what_was_carried_is_a_lower_bound_of_what_the_law_says_can_be():
    """Flooded, a stack does less than just below its limit: the front end takes the workers' processors."""
    arms = [
        arm(1, seen(1, 28.5), seen(1, 33, 29, "growing"), seen(1, 60, 24, "growing")),
        arm(2, seen(2, 57), seen(2, 66, 58, "growing"), seen(2, 120, 45, "growing")),
        arm(3, seen(3, 85), seen(3, 98, 86, "growing"), seen(3, 180, 62, "growing")),
    ]
    model = fit(arms)
    assert model
    for workers, carried in ((1, 28.5), (2, 57), (3, 85)):
        assert rate_of(model, workers) > carried
    assert not any("above what the fitted law allows" in note for note in model.notes)


def test_floods_that_did_less_than_was_carried_make_no_interval():
    """They would all count as the same rate, and look as if it were known exactly."""
    model = fit([arm(1, seen(1, 28), *(seen(1, 60, done, "growing") for done in (20, 21, 22, 23)))])
    assert model and (rate_of(model, 1), model.draws) == (pytest.approx(28), [])


def test_a_flood_that_filled_no_queue_is_no_ceiling():
    flood = seen(1, 5, 5, "estimate").model_copy(update={"offered": None})
    model = fit([arm(1, simulated(1, 10), flood)])
    assert model and model.counts == []


def test_stable_runs_that_the_law_calls_impossible_are_named():
    """More than twice as much with two processes as with one is nothing that the law can say."""
    arms = [
        arm(1, simulated(1, 5), seen(1, 10), seen(1, 12, 10, "growing"), seen(1, 12, 11, "growing")),
        arm(2, seen(2, 34), seen(2, 50, 34, "growing"), seen(2, 50, 35, "growing")),
    ]
    model = fit(arms)
    assert model and rate_of(model, 2) < 34
    said = " ".join(model.notes)
    assert "1 of 3 stable runs lie above what the fitted law allows (34/s with 2 processes)" in said


def test_children_of_a_prefork_pool_that_compute_are_servers_each():
    points = [simulated(4, rate).model_copy(update={"bound": "cpu"}) for rate in (20, 40, 60)]
    held_out = simulated(4, 50, "held out").model_copy(update={"bound": "cpu"})
    model = fit([arm(1, *points, held_out, first="web", slots=4, lanes=4)])
    assert model and (model.servers, rate_of(model, 1)) == (4, pytest.approx(4 / SERVICE, rel=0.02))
    mean = next(each for each in model.predictions if each.what == "mean")
    assert abs(mean.error or 9) < 0.1


@pytest.mark.parametrize("truth", [(284, 0.03, 0.002), (284, 0.0, 0.0), (40, 0.1, 0.0)])
@pytest.mark.parametrize("runs", [2, 3])
def test_intervals_hold_what_is_true_as_often_as_they_say(truth: tuple[float, float, float], runs: int):
    """Two or three saturated runs of each of three counts, 4 % of scatter: 95 % of the intervals should hold it."""
    rng, tries = np.random.default_rng(5), 60
    held = np.zeros(2)
    for _ in range(tries):
        made = [(n, usl(n, *truth) * math.exp(rng.normal(0, 0.04))) for n in (1, 2, 3) for _ in range(runs)]
        draws = law(made).draws
        for index, workers in enumerate((2, 3)):
            low, high = interval([usl(workers, *draw) for draw in draws])
            assert low is not None and high is not None
            held[index] += low <= usl(workers, *truth) <= high
    assert (held / tries >= 0.9).all(), held / tries


def test_one_run_of_each_count_makes_no_interval():
    assert law([(1, 40), (2, 70), (3, 95)]).draws == []
    assert law([(1, 40), (1, 42)]).draws != []
