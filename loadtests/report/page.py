"""report.html: one file with everything in it, scripts included. Its content policy forbids it the network."""

import datetime
import json
from pathlib import Path
from typing import Any

import vl_convert
import yaml
from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from loadtests import documents
from loadtests.analysis import clocks, manifest
from loadtests.analysis.result import Result
from loadtests.analysis.stages import CLOCK_RULE, HEADLINE, SMALL, STAGES
from loadtests.report.gather import pictures
from loadtests.report.terminal import offset, seconds

FILE = "report.html"


def write(results: Path, result: Result) -> Path:
    """Write the page and return its path. Raises BadResults."""
    text = render(result, manifest.read(results), pictures(results, result))
    return documents.write_text(results / FILE, text)


def render(result: Result, facts: dict[str, Any], specs: dict[str, dict[str, Any]]) -> str:
    """The page's HTML."""
    headline = result.latency.get(HEADLINE)
    return fill(
        "page.html",
        specs,
        r=result,
        m=facts,
        stages=STAGES,
        headline=headline,
        longest=(headline.p99 or headline.p90 or 0.0) if headline else 0.0,
        started=datetime.datetime.fromtimestamp(result.started, datetime.UTC),
        doubtful=clocks.doubtful(result.latency, result.clocks),
        unknown=clocks.UNKNOWN,
        small=SMALL,
        clock_rule=CLOCK_RULE,
    )


def fill(template: str, specs: dict[str, dict[str, Any]], **values: Any) -> str:
    """A page of its own from a template, pictures (Vega-Lite specifications by name) and what the template names."""
    environment = Environment(loader=PackageLoader(__package__, "templates"), autoescape=True)
    environment.filters |= {"seconds": seconds, "offset": offset, "count": lambda n: f"{n:,}", "yaml": _yaml}
    return environment.get_template(template).render(
        **values,
        specs=_json(specs),
        drawn=specs,
        script=_vega(),
        style=Markup(_read("page.css")),  # noqa: S704
        behaviour=Markup(_read("page.js")),  # noqa: S704
    )


def _vega() -> Markup:
    """Vega, Vega-Lite and vega-embed as one script, which sets `window.vegaEmbed`."""
    bundle: Any = vl_convert.javascript_bundle  # its stub demands an argument that it does not need
    return Markup(bundle().replace("</script", "<\\/script"))  # noqa: S704  the library's own


def _read(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _json(value: Any) -> Markup:
    # Inside a script element only `<` could end it.
    return Markup(json.dumps(value, separators=(",", ":")).replace("<", "\\u003c"))  # noqa: S704


def _yaml(value: Any) -> str:
    return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100))
