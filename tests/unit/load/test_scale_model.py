"""From measured rates to costs, to what is full first, to the page."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.million_records import Long
from benchmarks.scale import page
from benchmarks.scale.calibrate import Calibrated, calibrate, check, choose, fit_variation
from benchmarks.scale.extrapolate import SLOW_QUEUE, USE, parts, scaled
from benchmarks.scale.measured import DRAWN, ROLES, Point, Run, read
from benchmarks.scale.small import Small
from benchmarks.scale.stack import Layout, simulate
from loadtests.analysis import manifest
from loadtests.analysis.analyse import Asked, analyse

LAYOUT = Layout(cores=4, web=2, workers=2)
SMALL = Small(results=900.0, follower=50_000.0, message=400)
FILE = "results file (SQLite), where results are kept"
# Seconds of a processor for one task, and cores without any.
EACH, IDLE = dict(zip(ROLES, (0.0004, 0.0006, 0.0009, 0.0003), strict=True)), 0.05

STAGES = dict.fromkeys(DRAWN, 0.001) | {"started_to_finished": 0.0001}


def point(rate: float, p50: float = 0.01) -> Point:
    return Point(
        phase=f"at-{rate:g}",
        offered=rate,
        arrivals="poisson",
        tasks=5000,
        done=rate,
        latency={"p50": p50, "p90": 2 * p50, "p99": None},
        cores={role: IDLE + each * rate for role, each in EACH.items()},
        others=0.1,
        stages=STAGES,
        samples={name: [mean] * 10 for name, mean in STAGES.items()},
        reply=0.001,
        record=300.0,
    )


@pytest.fixture
def model() -> Calibrated:
    low, high, _ = choose([point(rate) for rate in (100, 200, 300, 400)])
    return calibrate(low, high)


def test_costs_are_what_the_use_of_processors_grew_by_and_the_rest_is_idle(model: Calibrated):
    costs = model.costs
    found = dict(zip(ROLES, (costs.generator, costs.web, costs.broker, costs.worker), strict=True))
    assert found == pytest.approx(EACH)
    assert model.idle == pytest.approx(IDLE * len(ROLES))


def test_the_lowest_rate_and_the_one_below_the_highest_calibrate_and_the_others_are_held_out():
    low, high, held_out = choose([point(rate) for rate in (100, 200, 300, 400, 500)])
    assert [each.offered for each in (low, high, *held_out)] == [100, 400, 200, 300, 500]


def test_how_much_times_vary_is_found_again_as_far_as_percentiles_tell(model: Calibrated):
    found = []
    for variation in (0.0, 1.0):
        costs = replace(model.costs, variation=variation)
        # Another seed than the fit's, near the rate at which all cores are full.
        seen = simulate(costs, LAYOUT, 1500, 8000, seed=7)
        latency = {"p50": seen.quantile(0.5), "p90": seen.quantile(0.9)}
        high = replace(model.high, offered=1500.0, done=1500.0, latency=latency)
        blank = replace(model, costs=replace(costs, variation=0.5), high=high, idle=-high.others)
        found.append(fit_variation(blank, LAYOUT).costs.variation)
    calm, wild = found
    assert calm <= 0.25 < 0.5 <= wild


def test_the_error_is_against_what_was_measured(model: Calibrated):
    checked = check(model, LAYOUT, point(200, p50=0.05))
    assert checked.done == pytest.approx(0, abs=0.05)
    assert checked.error("p50") == pytest.approx(checked.simulated.quantile(0.5) / 0.05 - 1)
    assert checked.error("p99") is None


def test_parts_are_full_where_their_demand_meets_what_there_is(model: Calibrated):
    found = {part.name: part for part in parts(model, LAYOUT, SMALL)}
    assert found["front-end process"].ceiling == pytest.approx(2 / 0.0006)
    assert found["all cores of the one machine"].ceiling == pytest.approx(4 / sum(EACH.values()))
    assert found[FILE].ceiling == pytest.approx(900)
    assert [*found] == sorted(found, key=lambda name: found[name].ceiling)
    # The model of the same layout agrees: of those in it, the first to be full is what its queue grows at.
    full = found["all cores of the one machine"].ceiling
    below, above = (simulate(model.costs, LAYOUT, full * share, 4000, drain=False) for share in (0.8, 1.2))
    assert below.inside < 100 < above.inside


def test_at_many_times_the_rate_there_is_enough_of_what_multiplies_and_the_rest_is_named(model: Calibrated):
    found = parts(model, LAYOUT, SMALL)
    ten, thousand = (scaled(model, LAYOUT, found, 300, factor, tasks=2000) for factor in (10, 1000))
    assert ten.needed["front-end process"] == 3  # 3000/s × 0.6 ms ÷ 0.7
    assert [each.name for each in ten.stuck] == [FILE]
    assert {each.name for each in thousand.stuck} == {FILE, "Locust's master, following"}
    assert thousand.shards > 1
    for each in (ten, thousand):
        assert max(each.shard.shares.values()) < 1.1 * USE + 0.1
        assert each.shard.inside == 0


def rendered(model: Calibrated, *checked: Point) -> str:
    found = parts(model, LAYOUT, SMALL)
    return page.render(
        page.Found(
            run=Run([], ["search-3 at 900/s: the backlog grew"], LAYOUT, {"host": {"cpu": "A CPU", "cores": 4}}),
            model=model,
            checked=[check(model, LAYOUT, each) for each in checked],
            small=SMALL,
            parts=found,
            base=300,
            scaled=[scaled(model, LAYOUT, found, 300, factor, tasks=500) for factor in (10, 100)],
            long=Long(1000, 1.0, 2**28, "in words"),
            command="python -m benchmarks.scale",
        )
    )


def test_the_page_says_how_far_to_believe_the_model_and_when_its_fit_lies_on_an_edge(model: Calibrated):
    seen = check(model, LAYOUT, point(200)).simulated.quantile(0.5)
    # Simulated a fifth too long at one rate, and by half at another.
    text = rendered(model, point(200, p50=seen / 1.2), point(200, p50=seen / 1.5))
    assert "Trust the ceilings, not the tails" in text
    assert "+50% of p50" in text and "– of p99" in text
    for variation, said in ((0.0, "the least variation"), (1.0, "the most variation"), (0.25, "")):
        costs = replace(model.costs, variation=variation)
        text = rendered(replace(model, costs=costs), point(200))
        assert ("Its p99 says little" in text, said in text) == (bool(said), True)


def test_queues_are_counted_by_the_slower_published_figure_too(model: Calibrated):
    (needed,) = [
        line for line in rendered(model, point(200)).splitlines() if line.startswith(f"| {SLOW_QUEUE} | 1 | 5")
    ]
    assert needed == f"| {SLOW_QUEUE} | 1 | 5 | "  # 3,000/s and 30,000/s by 9,931/s, seven tenths full


def test_the_page_says_what_was_found_and_whose_figure_it_is(model: Calibrated):
    text = rendered(model, point(200))
    assert "A CPU, 4 cores" in text
    # Not the results file: these tasks keep no results.
    assert "**all cores of the one machine** would be the" in text
    assert "search-3 at 900/s: the backlog grew" in text
    assert any(line.startswith("| quorum queue | 1 |") and "published" in line for line in text.splitlines())
    # Tables stay whole: each row of one has as many cells as its head.
    widths = {len(line.split("|")) for line in text.splitlines() if line.startswith("| tasks/s | 3,000")}
    assert widths == {5}


def test_a_run_without_a_contract_or_too_busy_phases_is_told_apart(made_run, tmp_path: Path):
    made = made_run(rate=100.0)
    made.tasks(500)
    folder = made.close()
    analyse(folder, Asked())
    with pytest.raises(Exception, match="its manifest has no contract"):
        read(folder)
    manifest.write(folder, {"contract": manifest_contract(), "host": {"cores": 2}})
    run = read(folder)
    assert (run.points, run.layout.workers, run.layout.prefetch) == ([], 2, 64)
    assert run.left_out == ["run at 100/s: too few tasks, or no processor use"]


def manifest_contract() -> dict:
    from app.contract import load_contract

    contract = load_contract(Path(__file__).parents[3] / "stack.yml")
    return contract.model_dump(mode="json", exclude_none=True)
