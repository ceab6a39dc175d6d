"""The two pictures of a capacity run: latency against rate, measured and predicted, and the law over workers."""

import math
from typing import Any

import altair as alt

from loadtests.analysis.histograms import QUANTILES
from loadtests.capacity.document import Arm, Capacity, Model
from loadtests.capacity.model import USABLE, latency, rate_of, saturated
from loadtests.capacity.saturation import WORKER
from loadtests.capacity.scaling import interval, usl
from loadtests.gate.slo import PERCENTILES, parse
from loadtests.report.charts import DURATION

Rows = list[dict[str, Any]]
Spec = dict[str, Any]

GREY, GREEN = "#8b93a7", "#2fb47c"
SHAPES = {"in the fit": "circle", "held out": "diamond"}
# Points of a curve; how near to a full queue it is drawn, and how far above what was measured.
STEPS, FULL, HIGHEST = 60, 0.99, 3.0
# The law is drawn for so many more processes than were measured.
BEYOND = 2


def shown(capacity: Capacity) -> str | None:
    """The percentile to draw: of the first objective, else the highest that has tasks enough; None: there is none."""
    if capacity.model is None:
        return None
    asked = [PERCENTILES.get(parse(text).name) for text in capacity.objectives]
    keys = [*asked, *reversed(QUANTILES), "mean"]
    return next((key for key in keys if key and key in capacity.model.rest), None)


def latencies(capacity: Capacity, key: str) -> Spec:
    """Latency against rate of each count: points are runs with a stable queue, lines are the model's."""
    model = capacity.model
    assert model
    measured = [row for arm in capacity.arms for row in _measured(arm, key)]
    top = HIGHEST * max((row["seconds"] for row in measured), default=1.0)
    colour = alt.Color("workers:N", title="worker processes", legend=alt.Legend(orient="top", symbolType="square"))
    shape = alt.Shape(
        "use:N",
        title=None,
        scale=alt.Scale(domain=list(SHAPES), range=list(SHAPES.values())),
        legend=alt.Legend(orient="top"),
    )
    y = alt.Y(
        "seconds:Q",
        title=f"{key.replace('p999', 'p99.9')}, scheduled to finished",
        scale=alt.Scale(type="log", nice=False, padding=16),
        axis=alt.Axis(labelExpr=DURATION, tickCount=5),
    )
    x = alt.X("rate:Q", title="tasks a second")
    tip = [
        alt.Tooltip("run:N"),
        alt.Tooltip("rate:Q", title="tasks/s", format=",.0f"),
        alt.Tooltip("seconds:Q", format=".3~s"),
        alt.Tooltip("use:N"),
    ]
    lines = [row for arm in capacity.arms for row in _predicted(model, arm, key, top)]
    line = alt.Chart(alt.Data(values=lines), width="container", height=320).mark_line(strokeWidth=1.6, opacity=0.8)
    points = alt.Chart(alt.Data(values=measured)).mark_point(filled=True, size=90, opacity=0.9)
    return alt.layer(
        line.encode(x=x, y=y, color=colour), points.encode(x=x, y=y, color=colour, shape=shape, tooltip=tip)
    ).to_dict()


def law(capacity: Capacity) -> Spec:
    """Tasks a second of saturated workers over their number: runs, the fitted law, and what the runs leave open."""
    model = capacity.model
    assert model
    most = max(arm.workers for arm in capacity.arms) + BEYOND
    curve = []
    for workers in range(1, most + 1):
        low, high = interval([usl(workers, *draw) for draw in model.draws])
        curve.append({"workers": workers, "rate": rate_of(model, workers), "low": low, "high": high})
    runs: Rows = [
        {"workers": arm.workers, "rate": done, "what": "saturated"}
        for arm in capacity.arms
        if arm.first == WORKER
        for done in saturated(arm)
    ]
    runs += [
        {"workers": arm.workers, "rate": arm.rate, "what": "met the objectives"}
        for arm in capacity.arms
        if arm.rate is not None
    ]
    x = alt.X("workers:Q", title="worker processes", axis=alt.Axis(tickMinStep=1, format="d"))
    y = alt.Y("rate:Q", title="tasks a second")
    base = alt.Chart(alt.Data(values=curve), width="container", height=280)
    known = [row for row in curve if row["low"] is not None]
    band = alt.Chart(alt.Data(values=known)).mark_area(opacity=0.16, color=GREY)
    line = base.mark_line(color=GREY, strokeDash=[4, 4])
    colour = alt.Color(
        "what:N",
        title=None,
        scale=alt.Scale(domain=["saturated", "met the objectives"], range=["#4c8dff", GREEN]),
        legend=alt.Legend(orient="top"),
    )
    tip = [alt.Tooltip("what:N"), alt.Tooltip("rate:Q", title="tasks/s", format=",.0f")]
    points = alt.Chart(alt.Data(values=runs)).mark_point(filled=True, size=80, opacity=0.9)
    return alt.layer(
        band.encode(x=x, y=alt.Y("low:Q", title="tasks a second"), y2="high:Q"),
        line.encode(x=x, y=y),
        points.encode(x=x, y=y, color=colour, tooltip=tip),
    ).to_dict()


def _measured(arm: Arm, key: str) -> Rows:
    return [
        {
            "run": point.name,
            "workers": str(arm.workers),
            "rate": point.offered,
            "seconds": point.latency[key],
            "use": "held out" if point.use == "held out" else "in the fit",
        }
        for point in arm.points
        if point.offered and point.use != "calibrate" and point.verdict in USABLE and point.latency.get(key)
    ]


def _predicted(model: Model, arm: Arm, key: str, top: float) -> Rows:
    rates = [FULL * rate_of(model, arm.workers) * step / STEPS for step in range(1, STEPS + 1)]
    told = [(rate, latency(model, arm.workers, rate, key)) for rate in rates]
    return [
        {"workers": str(arm.workers), "rate": rate, "seconds": seconds}
        for rate, seconds in told
        if seconds is not None and math.isfinite(seconds) and 0 < seconds <= top
    ]
