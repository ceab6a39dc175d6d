"""The stall in a picture: how long each task took, by when it was due, and which a generator that waits had sent."""

import json
from pathlib import Path
from typing import Any

import altair as alt

from loadtests.analysis.join import BadResults
from loadtests.selfcheck import stall

MEASURED, HAND, BLIND = "measured", "by hand", "had it waited for each answer"
COLOURS = {MEASURED: "#4c8dff", HAND: "#8b93a7", BLIND: "#e5604d"}


def pictures(results: Path) -> dict[str, dict[str, Any]]:
    """Vega-Lite specifications by check. None of a stall that was not made."""
    # The last try is the one that counts.
    found = sorted(results.glob(f"stall*/{stall.INSTANTS}"), key=lambda path: path.stat().st_mtime)
    try:
        return {"stall": _stall(found[-1])} if found else {}
    except (BadResults, OSError, ValueError):
        return {}


def _stall(path: Path) -> dict[str, Any]:
    began, ended, drain = json.loads(path.read_text())
    lives = stall.read(path.parent / stall.RESULTS)
    first, last = lives[0][0], lives[-1][0]
    waited = stall.answered_in_turn(lives)
    rows = [_row(at - first, answered - at, MEASURED) for at, answered in lives]
    rows += [_row(at - first, answered - at, BLIND) for at, answered in waited]
    usual, top = stall.ANSWERS.floor, ended - began + stall.ANSWERS.floor
    line = [(first, usual), (began, usual), (began, top), (ended, usual + drain)]
    # From then on arrivals find the queue shorter by as much as it gets shorter while one waits.
    line += [(ended + drain / (1 - drain / (ended - began)), usual), (last, usual)]
    rows += [_row(at - first, seconds, HAND) | {"order": order} for order, (at, seconds) in enumerate(line)]
    x = alt.X("t:Q", title="s since the first task was due")
    y = alt.Y("seconds:Q", title="s until it was answered")
    scale = alt.Scale(domain=list(COLOURS), range=list(COLOURS.values()))
    colour = alt.Color("what:N", title=None, scale=scale, legend=alt.Legend(orient="top", labelLimit=0))
    base = alt.Chart(alt.Data(values=rows), width="container", height=260).encode(x=x, y=y, color=colour)
    hand = base.transform_filter(alt.datum.what == HAND).mark_line(strokeWidth=6, opacity=0.45).encode(order="order:Q")
    points = base.transform_filter(alt.datum.what == MEASURED).mark_circle(size=14, opacity=0.7)
    blind = base.transform_filter(alt.datum.what == BLIND).mark_point(
        size=24, shape="cross", strokeWidth=1, opacity=0.6
    )
    return (hand + points + blind).to_dict()


def _row(at: float, seconds: float, what: str) -> dict[str, Any]:
    return {"t": round(at, 4), "seconds": round(seconds, 4), "what": what}
