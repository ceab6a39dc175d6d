"""tune.html: one file that needs no network, with a Pareto picture for each task."""

import datetime
from pathlib import Path

from loadtests import documents
from loadtests.analysis import manifest
from loadtests.report.page import fill
from loadtests.tune import show
from loadtests.tune.document import Tune
from loadtests.tune.picture import pareto

FILE = "tune.html"


def write(results: Path, found: Tune) -> Path:
    """Write it and return its path."""
    drawn = {f"pareto-{number}": pareto(walk) for number, walk in enumerate(found.walks)}
    text = fill(
        "tune.html",
        {name: spec for name, spec in drawn.items() if spec},
        t=found,
        m=manifest.read(results),
        started=datetime.datetime.fromtimestamp(found.started, datetime.UTC),
        show=show,
    )
    return documents.write_text(results / FILE, text)
