"""`warren dead` against a front end behind https, with a certificate of its own authority."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner

from loadtests.commands.dead import dead


class Front(BaseHTTPRequestHandler):
    """Two dead letters; whatever is settled goes in two requests."""

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def do_GET(self) -> None:
        if self.path.startswith("/dead?"):
            self._answer(200, {"messages": [], "truncated": False})
        else:
            self._answer(404, {"title": "Not Found", "status": 404, "detail": "there is no dead letter x"})

    def do_POST(self) -> None:
        self.server.asked += 1
        self._answer(200, {"done": 1, "failed": [], "remaining": max(0, 2 - self.server.asked)})

    do_DELETE = do_POST

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    server = HTTPServer(("127.0.0.1", 0), Front)
    server.asked = 0
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def warren(*words: object) -> Any:
    return CliRunner(env={"COLUMNS": "200"}).invoke(dead, [str(word) for word in words])


def test_its_authority_is_trusted_when_it_is_given(url: str, tmp_path: Path):
    ca = tmp_path / "ca.pem"
    assert "0 dead letter(s)" in warren("--url", url, "--ca", ca, "list").stdout
    for words in (["replay", "--all"], ["purge", "--all", "--yes"]):
        done = warren("--url", url, "--ca", ca, *words)
        assert (done.exit_code, done.stdout.split()[0]) == (0, "2" if words[0] == "replay" else "1"), done.output


def test_what_it_says_of_an_error_is_told(url: str, tmp_path: Path):
    done = warren("--url", url, "--ca", tmp_path / "ca.pem", "show", "x")
    assert (done.exit_code, "there is no dead letter x" in done.stderr) == (1, True), done.output


def test_who_is_not_trusted_is_not_asked(url: str, tmp_path: Path):
    done = warren("--url", url, "list")
    assert (done.exit_code, "certificate" in done.stderr) == (1, True), done.output
    done = warren("--url", url, "--ca", tmp_path / "none.pem", "list")
    assert (done.exit_code, "does not exist" in done.stderr) == (2, True), done.output
    (tmp_path / "empty.pem").write_text("nothing\n")
    done = warren("--url", url, "--ca", tmp_path / "empty.pem", "list")
    assert (done.exit_code, done.exception.__class__) == (1, SystemExit), done.output
