"""faults.html: one file that needs no network, with a timeline for each fault."""

import datetime
from pathlib import Path
from typing import Any

from loadtests import documents
from loadtests.analysis import manifest
from loadtests.faults.document import Faults
from loadtests.faults.outcome import SLACK
from loadtests.faults.picture import pictures
from loadtests.faults.show import back
from loadtests.report.page import fill

FILE = "faults.html"


def write(results: Path, found: Faults) -> Path:
    """Write it and return its path. Reads each fault's records below `results`."""
    specs: dict[str, dict[str, Any]] = {}
    for each in found.faults:
        specs |= pictures(results / each.name, each)
    started = datetime.datetime.fromtimestamp(found.started, datetime.UTC)
    text = fill("faults.html", specs, f=found, m=manifest.read(results), started=started, back=back, slack=SLACK)
    return documents.write_text(results / FILE, text)
