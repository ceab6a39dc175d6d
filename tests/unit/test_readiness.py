"""When a local stack counts as ready."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from loadtests.local.ports import LOOPBACK
from loadtests.local.readiness import _web_ready
from loadtests.local.state import StackState


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(b'{"status": "ready"}')

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def front() -> Iterator[StackState]:
    """A front end that is ready, as a stack notes it."""
    server = HTTPServer((LOOPBACK, 0), Ready)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield StackState("mark", 1, "", LOOPBACK, server.server_port, None, "stack.yml", {}, {}, {}, None)
    server.shutdown()
    server.server_close()


def test_a_front_end_on_this_machine_is_not_asked_through_a_proxy(front: StackState, monkeypatch: pytest.MonkeyPatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", f"http://{LOOPBACK}:1")
    assert _web_ready(front)


def test_a_front_end_that_does_not_answer_is_not_ready():
    assert not _web_ready(StackState("mark", 1, "", LOOPBACK, 1, None, "stack.yml", {}, {}, {}, None))
