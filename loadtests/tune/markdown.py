"""A document of a tuning: its text stands in a template, every figure comes from tune.json and its manifest."""

import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader

from loadtests import documents
from loadtests.tune import show
from loadtests.tune.document import Tune
from loadtests.tune.plan import ROUNDS, SEVERAL
from loadtests.tune.walk import SHARE

TEMPLATE = "tuning.md"
# Settings of a task's table: the fastest, and those that are spoken of in any case.
MOST = 10


def write(path: Path, found: Tune, facts: dict[str, Any]) -> None:
    """Write it, whole or not at all. `facts`: the run's manifest."""
    documents.write_text(path, render(found, facts))


def render(found: Tune, facts: dict[str, Any]) -> str:
    """The document's text."""
    environment = Environment(  # noqa: S701  Markdown
        loader=PackageLoader(__package__, "templates"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["cell"] = lambda text: str(text).replace("|", "\\|")
    return environment.get_template(TEMPLATE).render(
        t=found,
        m=facts,
        started=datetime.datetime.fromtimestamp(found.started, datetime.UTC),
        command=_command(facts),
        show=show,
        most=MOST,
        share=SHARE,
        rounds=ROUNDS,
        several=SEVERAL,
    )


def _command(facts: dict[str, Any]) -> str:
    words = [str(word) for word in facts.get("command") or ["warren", "tune"]]
    return " ".join(["warren", *words[1:]])
