"""capacity.html: both pictures, from a run whose queue was simulated."""

from pathlib import Path
from typing import Any

import pytest

from loadtests.capacity import page, picture
from loadtests.capacity.document import Capacity
from loadtests.capacity.model import fit
from loadtests.capacity.scaling import usl

from .test_capacity_model import arm, seen, simulated


@pytest.fixture(scope="module")
def capacity() -> Capacity:
    """One, two and three workers, each with a run in the fit, one held out, and two that were too much."""
    arms = []
    for workers in (1, 2, 3):
        peak = usl(workers, 20, 0.1, 0.0)
        points = [simulated(workers, peak / 2, tasks=3000), simulated(workers, 0.7 * peak, "held out", 3000)]
        points += [seen(workers, 1.2 * peak, peak * factor, "growing") for factor in (0.97, 1.03)]
        arms.append(arm(workers, *points, rate=0.9 * peak))
    values: dict[str, Any] = {"run": "made", "started": 1.0, "machines": [], "what": ["--task", "</script>"]}
    return Capacity(**values, pool="fast", objectives=["p90<1s", "lost=0"], arms=arms, model=fit(arms))


def rows(spec: dict[str, Any], layer: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = spec["layer"][layer]["data"]["values"]
    return found


def test_measured_and_predicted_latency_of_each_count_are_drawn(capacity: Capacity):
    assert picture.shown(capacity) == "p90"
    spec = picture.latencies(capacity, "p90")
    lines, points = rows(spec, 0), rows(spec, 1)
    assert {line["workers"] for line in lines} == {"1", "2", "3"}
    assert [point["use"] for point in points] == ["in the fit", "held out"] * 3
    assert {point["seconds"] for point in points} == {
        each.latency["p90"] for one in capacity.arms for each in one.points if each.verdict == "stable"
    }
    two = [line["seconds"] for line in lines if line["workers"] == "2"]
    assert two == sorted(two)  # more load, longer waits


def test_the_law_is_drawn_with_what_the_runs_leave_open(capacity: Capacity):
    spec = picture.law(capacity)
    band, curve, points = rows(spec, 0), rows(spec, 1), rows(spec, 2)
    assert [each["workers"] for each in curve] == [1, 2, 3, 4, 5]
    assert all(each["low"] <= each["rate"] <= each["high"] for each in band)
    assert [each["what"] for each in points].count("saturated") == 6


def test_it_is_one_page_and_nothing_in_it_breaks_out(capacity: Capacity, tmp_path: Path):
    text = page.write(tmp_path, capacity).read_text()
    assert 'data-spec="latency"' in text and 'data-spec="law"' in text
    assert "--task &lt;/script&gt;" in text
    assert "What the model had not seen" in text
    # Without a model there is nothing to draw, and the rates are told all the same.
    bare = page.write(tmp_path, capacity.model_copy(update={"model": None, "unfinished": "interrupted"})).read_text()
    assert 'class="chart"' not in bare and "Unfinished: interrupted" in bare and "18 tasks/s meet p90" in bare
