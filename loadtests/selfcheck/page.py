"""selfcheck.html: one file that needs no network."""

import datetime
from pathlib import Path
from typing import Any

from loadtests import documents
from loadtests.analysis import manifest
from loadtests.report.page import fill
from loadtests.selfcheck.document import SelfCheck
from loadtests.selfcheck.picture import pictures

FILE = "selfcheck.html"
BADGES = {"passed": "good", "failed": "bad", "not told": "", "not done": ""}


def write(results: Path, found: SelfCheck) -> Path:
    """Write it and return its path."""
    started = datetime.datetime.fromtimestamp(found.started, datetime.UTC)
    facts: dict[str, Any] = manifest.read(results)
    text = fill("selfcheck.html", pictures(results), s=found, m=facts, started=started, badges=BADGES)
    return documents.write_text(results / FILE, text)
