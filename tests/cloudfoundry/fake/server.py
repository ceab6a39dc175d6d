"""The fake foundation over HTTP."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, g, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.cloudfoundry.fake import api_apps, api_deployments, api_services, api_spaces, api_uaa, judge
from tests.cloudfoundry.fake.state import Foundation, Refused

UNKNOWN = 10000


@dataclass
class Trouble:
    """For the next `times` requests that fit: this answer. `after`: the request is carried out all the same, and only
    its answer is lost on the way. `status` 0: the connection breaks. `delay`: seconds before the answer."""

    method: str
    path: str
    status: int = 502
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    body: str = "502 Bad Gateway: Registered endpoint failed to handle the request."
    after: bool = False
    delay: float = 0.0

    def fits(self) -> bool:
        return self.times > 0 and request.method == self.method and bool(re.search(self.path, request.path))

    def answer(self) -> Response:
        self.times -= 1
        time.sleep(self.delay)
        if not self.status:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        return Response(self.body, self.status or 502, self.headers, content_type="text/plain")


@dataclass
class Server:
    """`asked`: (method, path) of every request, in order. `complaints`: what the document has against any of it."""

    foundation: Foundation
    uaa: api_uaa.Uaa = field(default_factory=api_uaa.Uaa)
    troubles: list[Trouble] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def times(self, method: str, path: str) -> int:
        """How often something was asked for."""
        return sum(1 for each in self.asked if each[0] == method and re.fullmatch(path, each[1]))

    def trouble(self, method: str, path: str, **what: Any) -> Trouble:
        self.troubles.append(Trouble(method, path, **what))
        return self.troubles[-1]


class Quiet(WSGIRequestHandler):
    def log(self, *_: Any) -> None:
        """Tests tell what was asked by `Server.asked`."""


@contextmanager
def serving(foundation: Foundation, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Until left; `foundation.url` is where."""
    server = Server(foundation)
    with listening(_app(server), tls) as foundation.url:
        yield server


@contextmanager
def listening(app: Flask, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """The URL at which it answers, on a port of its own, until left."""
    http = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet, ssl_context=tls)
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{http.server_port}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def _app(server: Server) -> Flask:
    app, foundation = Flask("foundation"), server.foundation
    app.register_blueprint(api_uaa.calls(foundation, server.uaa))
    for part in (api_spaces, api_apps, api_deployments, api_services):
        app.register_blueprint(part.calls(foundation))

    @app.before_request
    def before() -> Response | None:
        server.asked.append((request.method, request.path))
        for trouble in server.troubles:
            if trouble.fits() and not trouble.after:
                g.trouble = True
                return trouble.answer()
        if not request.path.startswith("/v3/"):
            return None
        if not server.uaa.accepts(request.headers.get("Authorization", "")):
            return _error(Refused(401, 1000, "InvalidAuthToken", "Invalid Auth Token"))
        if wrong := judge.request(request):
            server.complaints.append(f"{request.method} {request.path}: asked: {wrong}")
        return None

    @app.after_request
    def after(given: Response) -> Response:
        if request.path.startswith("/v3/") and not g.get("trouble") and (wrong := judge.answer(request, given)):
            server.complaints.append(f"{request.method} {request.path}: answered {given.status_code}: {wrong}")
        for trouble in server.troubles:
            if trouble.after and trouble.fits():
                return trouble.answer()
        return given

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return _error(error)

    @app.errorhandler(404)
    def unknown(_error_: Exception) -> Response:
        return _error(Refused(404, 10000, "NotFound", "Unknown request"))

    return app


def _error(error: Refused) -> Response:
    g.trouble = error.problem["code"] == UNKNOWN  # the document does not know foundations that lack a call
    given = jsonify(errors=[error.problem])
    given.status_code = error.status
    return given
