"""Downloads and dog pictures against plain local HTTP servers: what arrives, what is refused, what is tried again."""

import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from app.tasks import http
from app.tasks.dogs import get_dog_pics
from app.tasks.downloads import download
from app.tasks.http import Refused, TryLater, is_public

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """Answers as it is told, and remembers what it was asked for."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.asked: list[str] = []
        self.answer: Answer = reply(200, b"hello")
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answer(self)

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://{host}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def reply(status: int, body: bytes, length: int | None = None, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        if length is None or length >= 0:
            handler.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Downloads go here, from anywhere; at most 1 MB."""
    monkeypatch.setenv("WARREN_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("WARREN_DOWNLOAD_PRIVATE", "true")
    monkeypatch.setenv("WARREN_DOWNLOAD_MAX", "1MB")
    http.settings.cache_clear()
    yield tmp_path / "downloads"
    http.settings.cache_clear()


@pytest.fixture
def guarded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As deployed: private addresses are refused."""
    monkeypatch.setenv("WARREN_DOWNLOAD_PRIVATE", "false")
    http.settings.cache_clear()
    return folder


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_arrives_whole(server: Server, folder: Path) -> None:
    body = bytes(range(256)) * 2000
    server.answer = reply(200, body, **{"Content-Type": "image/png"})
    got = download.run(f"{server.url}/a/b%20c.png?x=1")
    assert got == {
        "path": str(folder / "local-b_c.png"),
        "bytes": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "type": "image/png",
    }
    assert Path(got["path"]).read_bytes() == body


@pytest.mark.parametrize("name", ["../../etc/passwd", "..%2f..%2fetc%2fpasswd", "", ".bashrc", "%00", "a" * 500])
def test_whatever_the_address_says_the_file_stays_in_the_folder(server: Server, folder: Path, name: str) -> None:
    path = Path(download.run(f"{server.url}/{name}")["path"])
    assert path.resolve().parent == folder.resolve() and path.read_bytes() == b"hello"


def test_progress_can_be_read_while_it_runs(server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr("app.tasks.downloads.REPORT_EVERY", 0.0)
    monkeypatch.setattr(download, "update_state", lambda **state: seen.append(state))
    server.answer = reply(200, b"x" * 300_000)
    download.apply((f"{server.url}/f",), task_id="some-id").get()
    counts = [state["meta"]["bytes"] for state in seen]
    assert {state["state"] for state in seen} == {"PROGRESS"} and {s["meta"]["total"] for s in seen} == {300_000}
    assert counts == sorted(counts) and len(counts) > 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(404, b""), Refused),
        (reply(500, b""), TryLater),
        (reply(200, b"x" * 10, length=100), TryLater),
        (reply(200, b"x" * 1_100_000), Refused),
        (reply(200, b"x" * 1_100_000, length=-1), Refused),
        (reply(302, b"", Location="file:///etc/passwd"), Refused),
        (reply(302, b"", Location="/again"), Refused),
    ],
    ids=["4xx", "5xx", "broken off", "too big", "too big, unannounced", "redirect to a file", "endless redirects"],
)
def test_what_fails_leaves_nothing_behind(server: Server, folder: Path, answer: Answer, error: type) -> None:
    server.answer = answer
    with pytest.raises(error):
        download.run(f"{server.url}/f")
    assert left(folder) == []


def test_a_server_that_is_away_or_silent_is_tried_again_later(
    folder: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "TIMEOUT", (0.3, 0.3))
    silent = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    with pytest.raises(TryLater, match="no answer"):
        download.run(url)
    silent.close()
    with pytest.raises(TryLater, match="no answer"):
        download.run(url)


def test_the_soft_time_limit_takes_the_partial_file_away(
    server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def limit(**_: Any) -> None:
        assert left(folder), "something is written by now"
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(download, "update_state", limit)
    server.answer = reply(200, b"x" * 300_000)
    with pytest.raises(SoftTimeLimitExceeded):
        download.apply((f"{server.url}/f",), task_id="some-id", throw=True)
    assert left(folder) == []


@pytest.mark.parametrize(
    "url", ["ftp://example.org/x", "file:///etc/passwd", "/etc/passwd", "http://", "gopher://x/", 7]
)
def test_other_schemes_are_refused(folder: Path, url: Any) -> None:
    with pytest.raises(Refused, match="not an http"):
        download.run(url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]", "0"])
def test_our_own_network_is_refused_however_it_is_written(server: Server, guarded: Path, host: str) -> None:
    with pytest.raises(Refused, match="WARREN_DOWNLOAD_PRIVATE"):
        download.run(server.url.replace("127.0.0.1", host))
    assert server.asked == []


def test_a_proxy_from_the_environment_is_no_way_around(
    server: Server, guarded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    with pytest.raises(Refused):
        download.run("http://127.0.0.1:9/x")
    assert server.asked == []


@pytest.fixture
def inner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server that must not be reached. The other one's address passes for public here."""
    monkeypatch.setattr(http, "is_public", lambda address: address == "127.0.0.1")
    made = Server("127.0.0.2")
    yield made
    made.close()


def test_a_redirect_into_our_own_network_is_refused(server: Server, inner: Server, guarded: Path) -> None:
    server.answer = reply(302, b"", Location=f"{inner.url}/secret")
    with pytest.raises(Refused, match="WARREN_DOWNLOAD_PRIVATE"):
        download.run(f"{server.url}/f")
    assert server.asked == ["/f"] and inner.asked == []


def test_a_name_that_changes_its_address_between_check_and_connection_is_no_way_in(
    server: Server, inner: Server, guarded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: public when looked up first, private from then on."""
    answers = iter(["127.0.0.1"])

    def rebinding(_host: Any, port: int, *_: Any, **__: Any) -> Any:
        address = (next(answers, "127.0.0.2"), port)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)]

    port = inner.url.rpartition(":")[2]
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *more, **named: (rebinding if host == "rebind.test" else real)(host, *more, **named),
    )
    with pytest.raises((Refused, TryLater)):
        download.run(f"http://rebind.test:{port}/")
    assert inner.asked == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.1.2.3", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) is public


@pytest.fixture
def dogs(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A stand-in of the Dog API."""
    monkeypatch.setenv("WARREN_DOG_API", f"{server.url}/api")
    http.settings.cache_clear()
    server.answer = reply(200, json.dumps({"message": ["http://a/1.jpg", "http://a/2.jpg"]}).encode())
    yield server
    http.settings.cache_clear()


@pytest.mark.parametrize("breed", ["hound", "hound/afghan"])
def test_dog_pictures_of_a_breed(dogs: Server, breed: str) -> None:
    assert get_dog_pics.run(breed, 2) == ["http://a/1.jpg", "http://a/2.jpg"]
    assert dogs.asked == [f"/api/breed/{breed}/images/random/2"]


@pytest.mark.parametrize(
    ("breed", "limit"),
    [("../admin", 1), ("hound?x", 1), ("", 1), (7, 1), ("hound", 0), ("hound", 51), ("hound", "x"), ("hound", -1)],
)
def test_what_is_no_breed_or_number_is_never_asked_for(dogs: Server, breed: Any, limit: Any) -> None:
    with pytest.raises(Refused):
        get_dog_pics.run(breed, limit)
    assert dogs.asked == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(404, b'{"status":"error"}'), Refused),
        (reply(503, b""), TryLater),
        (reply(200, b"<html>"), TryLater),
        (reply(200, b'{"message": "no"}'), TryLater),
    ],
)
def test_a_dog_api_that_fails(dogs: Server, answer: Answer, error: type) -> None:
    dogs.answer = answer
    with pytest.raises(error):
        get_dog_pics.run("hound", 1)
