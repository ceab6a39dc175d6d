"""selfcheck.html: one file that needs no network."""

import datetime
from pathlib import Path
from typing import Any

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
    temporary = results / f"{FILE}.tmp"
    temporary.write_text(text, encoding="utf-8")
    return temporary.replace(results / FILE)
