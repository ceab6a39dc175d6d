"""docs/scale.md, whole or not at all, from what was measured, simulated and read elsewhere."""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.million_records import Long
from benchmarks.scale import published
from benchmarks.scale.calibrate import VARIATIONS, Calibrated, Checked
from benchmarks.scale.extrapolate import Part, Scaled
from benchmarks.scale.measured import Run
from benchmarks.scale.small import Small
from loadtests.report.terminal import seconds

TEMPLATE = "scale.md.jinja"


@dataclass(frozen=True)
class Found:
    """All that the page says."""

    run: Run
    model: Calibrated
    checked: Sequence[Checked]
    small: Small
    parts: Sequence[Part]
    base: float
    scaled: Sequence[Scaled]
    long: Long
    command: str

    def worst(self, what: str) -> float | None:
        """The largest error of the model at the rates it has not seen: of `done`, p50, p90, p99. None: of none."""
        errors = [each.done if what == "done" else each.error(what) for each in self.checked]
        return max((each for each in errors if each is not None), key=abs, default=None)

    @property
    def edge(self) -> str:
        """Which end of its grid the fitted variation lies on; empty: within."""
        return {VARIATIONS[0]: "least", VARIATIONS[-1]: "most"}.get(self.model.costs.variation, "")


def render(found: Found) -> str:
    """The page's text; each figure in it comes from `found` or from published.py."""
    environment = Environment(  # noqa: S701  Markdown
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"seconds": seconds, "rate": _rate, "error": _error, "share": lambda s: f"{s:.0%}"}
    template = environment.get_template(TEMPLATE)
    return template.render(
        f=found, variations=VARIATIONS, host=found.run.facts.get("host") or {}, published=published, today=_today()
    )


def _today() -> str:
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def _rate(value: float) -> str:
    """Three digits: nothing here is known better."""
    return f"{float(f'{value:.3g}'):,.0f}"


def _error(value: float | None) -> str:
    return "–" if value is None else f"{value:+.0%}"
