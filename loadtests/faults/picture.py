"""A fault's timeline: the report's own pictures of rates and latency, with the fault marked."""

from pathlib import Path
from typing import Any

import altair as alt

from loadtests.analysis import join, timeline
from loadtests.faults.document import Outcome
from loadtests.report import charts

COLOUR = "#e5604d"


def pictures(folder: Path, outcome: Outcome) -> dict[str, dict[str, Any]]:
    """Vega-Lite specifications: completions a second, and latency over time. None for a run without tasks."""
    with join.database() as db:
        join.view(db, folder)
        begin, end = timeline.span(db)
        if not end:
            return {}
        domain = (0.0, max(end - begin, 1.0))
        specs = {
            f"{outcome.name}-rates": charts.rates(timeline.rates(db), [], domain),
            f"{outcome.name}-latency": charts.heat(timeline.heat(db), [], domain),
        }
    if outcome.began is None:
        return specs
    mark = (outcome.began - begin, (outcome.ended or end) - begin)
    return {name: _marked(spec, outcome.do, mark, domain) for name, spec in specs.items()}


def _marked(spec: dict[str, Any], what: str, mark: tuple[float, float], domain: tuple[float, float]) -> dict[str, Any]:
    """With a band from the fault's begin to its end, and its name, below all else."""
    row = {"begin": mark[0], "end": mark[1], "what": what}
    base = alt.Chart(alt.Data(values=[row]))
    begin = alt.X("begin:Q", scale=alt.Scale(domain=list(domain), nice=False))
    tip = [
        alt.Tooltip("what:N", title="fault"),
        alt.Tooltip("begin:Q", title="began at s", format=".1f"),
        alt.Tooltip("end:Q", title="whole again at s", format=".1f"),
    ]
    band = base.mark_rect(opacity=0.18, color=COLOUR).encode(x=begin, x2="end:Q", tooltip=tip)
    edge = base.mark_rule(color=COLOUR, strokeWidth=1.5).encode(x=begin)
    end = base.mark_rule(color=COLOUR, strokeWidth=1.5, strokeDash=[4, 3]).encode(
        x=alt.X("end:Q", scale=alt.Scale(domain=list(domain), nice=False))
    )
    name = base.mark_text(align="left", baseline="top", dx=4, dy=2, fontSize=10, color=COLOUR).encode(
        x=begin, y=alt.value(0), text="what:N"
    )
    below, above = [_layer(each) for each in (band, edge, end)], _layer(name)
    return spec | {"layer": [*below, *spec["layer"], above]}


def _layer(chart: alt.Chart) -> dict[str, Any]:
    """A chart as a layer of another: without what only the outermost may have."""
    return {key: value for key, value in chart.to_dict().items() if key in ("data", "mark", "encoding")}
