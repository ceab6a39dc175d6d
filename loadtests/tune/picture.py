"""The Pareto picture of a walk: throughput against latency, with memory as size, and what safety has to do with it."""

from typing import Any

import altair as alt

from loadtests.report.charts import DURATION
from loadtests.tune.document import Walk

COLOURS = {"safe": "#2fb47c", "present settings": "#4c8dff", "could lose tasks or results": "#e5604d"}


def pareto(walk: Walk) -> dict[str, Any] | None:
    """A Vega-Lite specification; None when no candidate's latency was read."""
    rows = [
        {
            "settings": str(each.candidate),
            "throughput": each.throughput,
            "tail": each.tail,
            "memory": each.memory,
            "safety": _safety(walk, each.candidate, bool(each.corners)),
            "lose": ", ".join(each.corners) or "nothing",
            "front": each.front,
        }
        for each in walk.standings
        if each.throughput is not None and each.tail is not None
    ]
    if not rows:
        return None
    x = alt.X("throughput:Q", title="tasks a second, saturated", scale=alt.Scale(zero=False, nice=False, padding=24))
    y = alt.Y(
        "tail:Q",
        title=f"{walk.percentile} at {walk.rate:g} tasks/s",
        scale=alt.Scale(type="log", nice=False, padding=24),
        axis=alt.Axis(labelExpr=DURATION, tickCount=5),
    )
    colour = alt.Color(
        "safety:N",
        title=None,
        scale=alt.Scale(domain=list(COLOURS), range=list(COLOURS.values())),
        legend=alt.Legend(orient="top", symbolType="circle"),
    )
    size = alt.Size("memory:Q", title="MiB", scale=alt.Scale(range=[60, 500]), legend=alt.Legend(orient="right"))
    tip = [
        "settings:N",
        alt.Tooltip("throughput:Q", title="tasks/s", format=",.0f"),
        alt.Tooltip("tail:Q", title=f"{walk.percentile}, seconds", format=".3~s"),
        alt.Tooltip("memory:Q", title="MiB", format=",.0f"),
        alt.Tooltip("lose:N", title="could lose by"),
    ]
    base = alt.Chart(alt.Data(values=rows), width="container", height=320)
    line = alt.Chart(alt.Data(values=_steps(rows))).mark_line(
        interpolate="step-after", strokeDash=[4, 4], color="#8b93a7", strokeWidth=1.2
    )
    points = base.mark_point(filled=True, opacity=0.85, stroke="white", strokeWidth=0.6)
    return alt.layer(
        points.encode(x=x, y=y, color=colour, size=size, tooltip=tip), line.encode(x="throughput:Q", y="tail:Q")
    ).to_dict()


def _steps(rows: list[dict[str, Any]]) -> list[dict[str, float]]:
    """The safe front in throughput and latency alone, from its slow end to its fast one."""
    safe = [row for row in rows if row["lose"] == "nothing"]
    kept: list[dict[str, float]] = []
    for row in sorted(safe, key=lambda each: (-each["throughput"], each["tail"])):
        if not kept or row["tail"] < kept[-1]["tail"]:
            kept.append({"throughput": row["throughput"], "tail": row["tail"]})
    return kept[::-1]


def _safety(walk: Walk, candidate: object, unsafe: bool) -> str:
    safe, present, lossy = COLOURS
    return lossy if unsafe else present if candidate == walk.present else safe
