"""The report's pictures as Vega-Lite specifications, made with Altair. The page adds colours for light and dark."""

import math
from typing import Any

import altair as alt

from loadtests.analysis.stages import CHAIN

Rows = list[dict[str, Any]]
Spec = dict[str, Any]

# Whose time it is. The same colours stand in page.css.
OWNERS = {"generator": "#8b93a7", "web": "#4c8dff", "broker": "#f2913d", "worker": "#2fb47c"}
SHADES = {
    "scheduled → sent": "#a3abbd",
    "sent → published": "#4c8dff",
    "published → received": "#f2913d",
    "received → started": "#8ad9b5",
    "started → finished": "#1f9d68",
}
WHAT = {"scheduled": "#8b93a7", "accepted": "#4c8dff", "finished": "#2fb47c"}
TOTALS = {"scheduled → answered": "#4c8dff", "scheduled → finished": "#2fb47c", "scheduled → known": "#8b93a7"}
ROLES = ["generator", "web", "broker", "worker", "others"]
DURATION = (
    "datum.value >= 0.9995 ? format(datum.value, '.3~r') + ' s' : datum.value >= 0.0009995 ? "
    "format(datum.value * 1e3, '.3~r') + ' ms' : format(datum.value * 1e6, '.3~r') + ' µs'"
)


def _chart(rows: Rows, height: int) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows), width="container", height=height)


def _colour(field: str, colours: dict[str, str], title: str | None = None) -> alt.Color:
    return alt.Color(
        f"{field}:N",
        title=title,
        scale=alt.Scale(domain=list(colours), range=list(colours.values())),
        legend=alt.Legend(orient="top", symbolType="square"),
    )


def _time(domain: tuple[float, float], title: str | None = None, binned: bool = False) -> alt.X:
    scale = alt.Scale(domain=list(domain), nice=False)
    bins: Any = "binned" if binned else alt.Undefined
    return alt.X("t:Q", title=title, bin=bins, scale=scale, axis=alt.Axis(grid=False))


def _log_ticks(seconds: list[float]) -> list[float]:
    """1, 3, 10, 30 … between the least and the most: a log axis of Vega's own has a line for every digit."""
    least, most = min(seconds, default=1e-3), max(seconds, default=1.0)
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    return [float(f"{digit}e{decade}") for decade in decades for digit in (1, 3)]


def breakdown(rows: Rows) -> Spec:
    """Where each millisecond went: the mean time in each stage of the chain."""
    order = {stage.title: index for index, stage in enumerate(CHAIN)}
    values = [
        row | {"ms": row["seconds"] * 1000, "order": order[row["stage"]], "label": f"{row['group']} ({row['n']:,})"}
        for row in rows
    ]
    labels = list(dict.fromkeys(value["label"] for value in values))
    x = alt.X("ms:Q", title="mean milliseconds since the instant it was scheduled", stack="zero")
    y = alt.Y("label:N", title=None, sort=labels, axis=alt.Axis(labelLimit=260, domain=False, ticks=False))
    tip = [
        alt.Tooltip("stage:N"),
        alt.Tooltip("owner:N", title="whose"),
        alt.Tooltip("ms:Q", title="mean ms", format=",.3f"),
    ]
    bars = (
        _chart(values, 44 * max(1, len(labels)) + 20)
        .mark_bar(height=26, cornerRadius=2)
        .encode(x=x, y=y, color=_colour("stage", SHADES), order=alt.Order("order:Q"), tooltip=tip)
    )
    return bars.to_dict()


def percentiles(curves: dict[str, Rows]) -> Spec:
    """Latency by percentile, out to where a single task stands."""
    values = [point | {"what": name} for name, points in curves.items() for point in points]
    ticks = [1, 2, 10, 100, 1000, 10_000, 100_000, 1_000_000]
    label = "datum.value == 1 ? '0 %' : format(100 - 100 / datum.value, '.6~f') + ' %'"
    x = alt.X(
        "beyond:Q",
        title="percentile of tasks",
        scale=alt.Scale(type="log", nice=False),
        axis=alt.Axis(values=ticks, labelExpr=label, gridOpacity=0.5),
    )
    y = alt.Y(
        "seconds:Q",
        title=None,
        scale=alt.Scale(type="log"),
        axis=alt.Axis(labelExpr=DURATION, values=_log_ticks([value["seconds"] for value in values])),
    )
    tip = [
        alt.Tooltip("what:N", title="from → to"),
        alt.Tooltip("percentile:Q", format=".4~f"),
        alt.Tooltip("seconds:Q", format=".4~s", title="seconds"),
    ]
    encoded = _chart(values, 300).encode(x=x, y=y, color=_colour("what", TOTALS), tooltip=tip)
    return (
        encoded.mark_line(strokeWidth=2.2, interpolate="monotone") + encoded.mark_point(opacity=0, size=80)
    ).to_dict()


def _shades(phases: Rows, domain: tuple[float, float], height: int) -> Any:
    """Each phase as a faint band, its cut warm-up darker."""
    scale = alt.Scale(domain=list(domain), nice=False)
    begin = alt.X("begin:Q", scale=scale)
    cut = _chart([p for p in phases if p["cut"] > p["begin"]], height).mark_rect(opacity=0.16, color="#8b93a7")
    span = _chart(phases, height).mark_rule(opacity=0.35, strokeDash=[2, 3], color="#8b93a7")
    tip = [alt.Tooltip("phase:N"), alt.Tooltip("cut:Q", title="warm-up until s", format=".1f")]
    return alt.layer(cut.encode(x=begin, x2="cut:Q", tooltip=tip), span.encode(x=begin))


def rates(rows: Rows, phases: Rows, domain: tuple[float, float]) -> Spec:
    """Tasks scheduled, accepted and finished per second; phases named along the top."""
    y = alt.Y("rate:Q", title="tasks a second", axis=alt.Axis(tickCount=5))
    tip = [
        alt.Tooltip("what:N"),
        alt.Tooltip("t:Q", title="second", format=".1f"),
        alt.Tooltip("rate:Q", format=",.0f"),
    ]
    lines = (
        _chart(rows, 200)
        .mark_line(strokeWidth=1.8, interpolate="step-after")
        .encode(x=_time(domain), y=y, color=_colour("what", WHAT), tooltip=tip)
    )
    names = (
        _chart(phases, 200)
        .mark_text(align="left", baseline="top", dx=4, dy=2, fontSize=10, color="#8b93a7")
        .encode(x=alt.X("begin:Q", scale=alt.Scale(domain=list(domain), nice=False)), y=alt.value(0), text="phase:N")
    )
    return alt.layer(_shades(phases, domain, 200), lines, names).to_dict()


def depths(rows: Rows, phases: Rows, domain: tuple[float, float]) -> Spec:
    """Ready messages in each queue."""
    tip = [
        alt.Tooltip("queue:N"),
        alt.Tooltip("t:Q", title="second", format=".1f"),
        alt.Tooltip("messages:Q", format=",d"),
    ]
    y = alt.Y("messages:Q", title="messages waiting", stack=None, axis=alt.Axis(tickCount=4))
    colour = alt.Color("queue:N", title=None, legend=alt.Legend(orient="top"), scale=alt.Scale(scheme="set2"))
    area = (
        _chart(rows, 130)
        .mark_area(opacity=0.55, line={"strokeWidth": 1.5}, interpolate="step-after")
        .encode(x=_time(domain), y=y, color=colour, tooltip=tip)
    )
    return alt.layer(_shades(phases, domain, 130), area).to_dict()


def pods(rows: Rows, phases: Rows, domain: tuple[float, float]) -> Spec:
    """How many pods there were, as autoscalers came and went."""
    tip = [alt.Tooltip("workload:N"), alt.Tooltip("t:Q", title="second", format=".0f"), alt.Tooltip("pods:Q")]
    y = alt.Y("pods:Q", title="pods", stack=None, axis=alt.Axis(tickCount=4, format="d"))
    colour = alt.Color("workload:N", title=None, legend=alt.Legend(orient="top"), scale=alt.Scale(scheme="set2"))
    line = (
        _chart(rows, 130)
        .mark_line(interpolate="step-after", strokeWidth=2)
        .encode(x=_time(domain), y=y, color=colour, tooltip=tip)
    )
    return alt.layer(_shades(phases, domain, 130), line).to_dict()


def heat(rows: Rows, phases: Rows, domain: tuple[float, float]) -> Spec:
    """How many tasks took how long, over time: what percentiles fold up."""
    tip = [
        alt.Tooltip("t:Q", title="second", format=".1f"),
        alt.Tooltip("low:Q", title="from (s)", format=".3~s"),
        alt.Tooltip("high:Q", title="to (s)", format=".3~s"),
        alt.Tooltip("n:Q", title="tasks", format=",d"),
    ]
    colour = alt.Color("n:Q", title="tasks", scale=alt.Scale(type="log", scheme="viridis"), legend=None)
    ticks = _log_ticks([row["low"] for row in rows] + [row["high"] for row in rows])
    axis = alt.Axis(labelExpr=DURATION, values=ticks, grid=False)
    cells = (
        _chart(rows, 200)
        .mark_rect()
        .encode(
            x=_time(domain, "seconds since the start"),
            x2="t2:Q",
            y=alt.Y("low:Q", title="scheduled → finished", scale=alt.Scale(type="log", nice=False), axis=axis),
            y2="high:Q",
            color=colour,
            tooltip=tip,
        )
    )
    return alt.layer(_shades(phases, domain, 200), cells).to_dict()


def probes(rows: Rows) -> Spec:
    """The search: what was offered against what was done."""
    colours = {"sustained": "#2fb47c", "overloaded": "#e5604d", "generator saturated": "#8b93a7"}
    most = max((max(row["offered"], row["done"]) for row in rows), default=1) * 1.08
    least = min((min(row["offered"], row["done"]) for row in rows), default=0) * 0.9
    scale = alt.Scale(domain=[least, most], nice=False)
    diagonal = _chart([{"offered": least, "done": least}, {"offered": most, "done": most}], 240).mark_line(
        strokeDash=[4, 4], color="#8b93a7", strokeWidth=1
    )
    x, y = (
        alt.X("offered:Q", title="offered, tasks/s", scale=scale),
        alt.Y("done:Q", title="done, tasks/s", scale=scale),
    )
    tip = [
        "phase:N",
        alt.Tooltip("offered:Q", format=",.0f"),
        alt.Tooltip("done:Q", format=",.0f"),
        "verdict:N",
        "why:N",
    ]
    points = (
        _chart(rows, 240)
        .mark_point(size=130, filled=True, opacity=0.95)
        .encode(x=x, y=y, color=_colour("verdict", colours), tooltip=tip)
    )
    return alt.layer(diagonal.encode(x=x, y=y), points).to_dict()


def cpu(rows: Rows, phases: Rows, domain: tuple[float, float], cores: int) -> Spec:
    """Cores used by each part, by the generator, and by programs of no part of the run."""
    tip = [
        alt.Tooltip("role:N"),
        alt.Tooltip("t:Q", title="second", format=".0f"),
        alt.Tooltip("cores:Q", format=".2f"),
    ]
    colours = OWNERS | {"rest of the stack": "#c07ad9", "others": "#d9574a"}
    y = alt.Y("cores:Q", title=f"cores used (of {cores})", stack="zero", axis=alt.Axis(tickCount=4))
    areas = (
        _chart([row | {"role": row["role"] if row["role"] in ROLES else "rest of the stack"} for row in rows], 150)
        .mark_bar(binSpacing=0)
        .encode(
            x=_time(domain, "seconds since the start", binned=True),
            x2="t2:Q",
            y=y,
            color=_colour("role", colours),
            tooltip=tip,
        )
    )
    return alt.layer(_shades(phases, domain, 150), areas).to_dict()
