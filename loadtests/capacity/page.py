"""capacity.html: one file that needs no network, with latency against rate and the law over workers."""

import datetime
from pathlib import Path
from typing import Any

from loadtests import documents
from loadtests.analysis import manifest
from loadtests.capacity import picture, show
from loadtests.capacity.document import Capacity
from loadtests.report.page import fill

FILE = "capacity.html"


def write(results: Path, found: Capacity) -> Path:
    """Write it and return its path."""
    drawn: dict[str, dict[str, Any]] = {}
    key = picture.shown(found)
    if key:
        drawn["latency"] = picture.latencies(found, key)
    if found.model:
        drawn["law"] = picture.law(found)
    text = fill(
        "capacity.html",
        drawn,
        c=found,
        m=manifest.read(results),
        started=datetime.datetime.fromtimestamp(found.started, datetime.UTC),
        show=show,
    )
    return documents.write_text(results / FILE, text)
