"""Recorded traffic with a real foundation (cassettes of go-vcr), served again over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from flask import Flask, Response, request

from tests.cloudfoundry.fake.server import listening


@dataclass
class Recording:
    """`missing`: what was asked for and is not in it."""

    url: str = ""
    interactions: list[dict[str, Any]] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    missing: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str) -> Response:
        """The next one of that call; the last one again when it is asked for more often than it was then."""
        fit = [
            (number, each)
            for number, each in enumerate(self.interactions)
            if each["request"]["method"] == method and urlsplit(each["request"]["url"]).path == path
        ]
        if fit:
            number, each = next(((n, e) for n, e in fit if n not in self.used), fit[-1])
            self.used.add(number)
            recorded = each["response"]
            headers = {key: values[0] for key, values in recorded["headers"].items()}
            kept = {key: headers[key] for key in ("Content-Type", "Location") if key in headers}
            return Response(recorded["body"], recorded["code"], kept)
        if (known := self._resources().get(path.rpartition("/")[2])) and method == "GET":
            return Response(json.dumps(known), 200, {"Content-Type": "application/json"})
        self.missing.append(f"{method} {path}")
        return Response("not recorded", 404)

    def _resources(self) -> dict[str, Any]:
        """By guid: each that a recorded list holds."""
        found: dict[str, Any] = {}
        for _, data in self.answers():
            found |= {each["guid"]: each for each in data.get("resources", []) if "guid" in each}
        return found

    def answers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(method and path, JSON) of each that has any."""
        for each in self.interactions:
            if str(each["response"].get("body") or "").startswith("{"):
                path = urlsplit(each["request"]["url"]).path
                yield f"{each['request']['method']} {path}", json.loads(each["response"]["body"])


@contextmanager
def replaying(file: Path) -> Iterator[Recording]:
    """Until left; `url` is where."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    recording = Recording(interactions=yaml.load(file.read_bytes(), Loader=loader)["interactions"])  # noqa: S506
    app = Flask("recording")

    @app.before_request
    def answer() -> Response:
        return recording.answer(request.method, request.path)

    with listening(app) as recording.url:
        yield recording
