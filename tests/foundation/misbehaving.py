"""An API that misbehaves on demand: a proxy before a foundation's, which carries on whatever it is not to spoil.

with misbehaving(api, ca_file) as proxy:
    proxy.trouble("POST", "/v3/packages", status=429, headers={"Retry-After": "1"})
    …                                                   # with CF_API=proxy.url
    assert proxy.came == ["POST /v3/packages 429"]
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
from flask import Flask, Response, request

from ..cloudfoundry.fake.server import Trouble, listening
from ..cloudfoundry.fake.state import stamp

# Those of one connection, which the proxy has with each side on its own.
HOP_BY_HOP = {"connection", "content-encoding", "content-length", "host", "keep-alive", "transfer-encoding"}
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
ANSWER_WITHIN = 120  # seconds


class Proxy:
    """`url`: where it listens. `came`: what was spoilt, in order."""

    def __init__(self, api: str, ca_file: str) -> None:
        self._api, self._troubles = api, list[Trouble]()
        self._session = requests.Session()
        self._session.verify, self._session.trust_env = ca_file, False
        self.url = ""
        self.came: list[str] = []

    def trouble(self, method: str, path: str, **what: Any) -> None:
        """See Trouble: its status, how many times, whether the request is carried out all the same."""
        self._troubles.append(Trouble(method, path, **what))

    def slow_jobs(self, looks: int) -> None:
        """So often a job is said to go on, whatever has become of it."""
        job = {"guid": "slow", "operation": "slow", "state": "PROCESSING", "errors": [], "warnings": []}
        self.trouble("GET", "/v3/jobs/", status=200, times=looks, body=json.dumps(_timed(job)))

    def failed_staging(self, reason: str) -> None:
        """The next build fails."""
        build = {"guid": "failed", "state": "FAILED", "error": reason, "droplet": None}
        self.trouble("GET", "/v3/builds/", status=200, body=json.dumps(_timed(build)))

    def answer(self, path: str) -> Response:
        fits = next((each for each in self._troubles if each.fits()), None)
        if fits:
            self.came.append(f"{request.method} /{path} {fits.status}")
        if fits and not fits.after:
            return fits.answer()
        carried = self._session.request(
            request.method,
            f"{self._api}/{path}",
            params=list(request.args.items(multi=True)),
            headers={name: value for name, value in request.headers if name.lower() not in HOP_BY_HOP},
            data=request.get_data(),
            timeout=ANSWER_WITHIN,
            allow_redirects=False,
        )
        kept = [(name, value) for name, value in carried.headers.items() if name.lower() not in HOP_BY_HOP]
        return fits.answer() if fits else Response(carried.content, carried.status_code, kept)


@contextmanager
def misbehaving(api: str, ca_file: str) -> Iterator[Proxy]:
    """Until left, on a port of its own."""
    proxy, app = Proxy(api, ca_file), Flask("misbehaving")
    app.add_url_rule("/", "root", lambda: proxy.answer(""))
    app.add_url_rule("/<path:path>", "path", lambda path: proxy.answer(path), methods=METHODS)
    with listening(app) as proxy.url:
        yield proxy


def _timed(thing: dict[str, Any]) -> dict[str, Any]:
    return {"created_at": stamp(), "updated_at": stamp(), "links": {}, **thing}
