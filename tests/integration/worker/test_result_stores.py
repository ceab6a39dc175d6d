"""A task's state by its id, from every result store: SQLite, Redis or Valkey, PostgreSQL, and `rpc://`."""

import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.broker.message import TaskMessage
from app.broker.publisher import Publisher
from app.celery_app import create_app
from app.results import ResultStore, TaskState
from app.settings import Settings
from tests.integration.worker import result_servers


@pytest.fixture(scope="module", params=["sqlite", "redis", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, patience: Any) -> Iterator[str]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        yield f"db+sqlite:///{folder / 'new' / 'results.db'}"
    else:
        with getattr(result_servers, request.param)(folder, patience) as address:
            yield address


@pytest.fixture
def store(url: str, stack: Any, monkeypatch: pytest.MonkeyPatch) -> ResultStore:
    monkeypatch.setenv("CELERY_BACKEND_URL", url)
    stack.env["CELERY_BACKEND_URL"] = url
    return ResultStore(create_app(stack.contract, Settings.load(), stack.address))


@pytest.fixture
def slow_file() -> Iterator[tuple[str, threading.Event]]:
    """A file of which half comes at once, and half when the event is set."""
    go_on = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "200000")
            self.end_headers()
            self.wfile.write(b"x" * 100_000)
            go_on.wait(30)
            self.wfile.write(b"x" * 100_000)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/file", go_on
        go_on.set()
        server.shutdown()


def test_states_from_unknown_to_final(stack: Any, store: ResultStore, slow_file: Any, wait_until: Any) -> None:
    stack.worker("long", WARREN_DOWNLOAD_PRIVATE="true")
    assert store.state("never-heard-of") == TaskState("never-heard-of", "pending")
    address, go_on = slow_file
    sent = stack.send("download", address)
    wait_until(lambda: store.state(sent).state == "progress", "progress")
    seen = store.state(sent)
    assert seen.progress["total"] == 200_000 and 0 < seen.progress["bytes"] <= 100_000 and not seen.final
    assert not store.wait(sent, 0.1).final
    go_on.set()
    done = store.wait(sent, 30)
    assert done.state == "success" and done.result["bytes"] == 200_000 and done.progress is None
    refused = store.wait(stack.send("download", "ftp://x/"), 30)
    assert refused.state == "failure" and "not an http" in (refused.error or "") and refused.result is None
    assert "Refused" in (refused.error or "")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_revoked_task_says_so(stack: Any, store: ResultStore, celery: Any, wait_until: Any) -> None:
    stack.worker("long")
    wait_until(lambda: celery.control.ping(timeout=2), "remote control")
    held = stack.send("sleep", 2, queue="long")
    message = stack.send("add", 1, 2, queue="long")
    celery.control.revoke(message)
    assert store.wait(message, 30).state == "revoked"
    assert {record["id"]: record["state"] for record in stack.recorded(2)} == {held: "success", message: "revoked"}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_several_processes_write_at_once(stack: Any, store: ResultStore, wait_until: Any) -> None:
    workers = [stack.run("worker", "io", "--index", str(index)) for index in range(3)]
    sent = [stack.send("add", number, 1, queue="io") for number in range(120)]
    stack.recorded(120)
    assert [store.wait(task, 30).result for task in sent] == list(range(1, 121))
    assert not [line for worker in workers for line in worker.log().splitlines() if "ERROR" in line]


def test_results_live_as_long_as_the_contract_says(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.change(lambda data: data["results"].update(keep="90m"))
    app = create_app(stack.contract, Settings.load(), stack.address)
    assert app.conf.result_expires == 5400


def test_sqlite_readers_do_not_block_writers(stack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With SQLite's default journal a reader in a transaction makes every writer wait, and then fail."""
    monkeypatch.setenv("CELERY_BACKEND_URL", f"db+sqlite:///{tmp_path / 'r.db'}")
    app = create_app(stack.contract, Settings.load(), stack.address)
    app.backend.store_result("one", 1, "SUCCESS")
    with sqlite3.connect(tmp_path / "r.db", isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM celery_taskmeta").fetchall()
        app.backend.store_result("two", 2, "SUCCESS")
        assert ResultStore(app).state("two").result == 2


def test_a_store_that_is_away_is_said(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.results import ResultsUnavailable

    monkeypatch.setenv("CELERY_BACKEND_URL", "redis://127.0.0.1:9/0")
    store = ResultStore(create_app(stack.contract, Settings.load(), stack.address))
    with pytest.raises(ResultsUnavailable, match="cannot be read"):
        store.state("x")


def test_rpc_results_reach_the_sender_and_nobody_else(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.worker("fast", CELERY_BACKEND_URL="rpc://")
    monkeypatch.setenv("CELERY_BACKEND_URL", "rpc://")
    sender, other = (ResultStore(create_app(stack.contract, Settings.load(), stack.address)) for _ in range(2))
    publisher = Publisher(stack.address, stack.contract)

    def send(number: int) -> None:
        publisher.publish(TaskMessage(f"rpc-{number}", "add", "fast", [number, 1], reply_to=sender.reply_to(10)), 10)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [sender.wait(f"rpc-{number}", 20).result for number in reversed(range(8))] == list(reversed(range(1, 9)))
    assert other.wait("rpc-1", 0.2).state == "pending"


@pytest.mark.parametrize("pool", ["fast", "io", "long"])
def test_a_worker_outlives_its_result_store(stack: Any, pool: str, wait_until: Any) -> None:
    """The task is done; that its result cannot be kept is logged, and is no reason to run it again or to end."""
    worker = stack.worker(pool, CELERY_BACKEND_URL="redis://127.0.0.1:9/0")
    sent = [stack.send("add", number, 1, queue=pool) for number in range(2)]
    records = stack.recorded(2)
    assert sorted(record["id"] for record in records) == sorted(sent)
    wait_until(lambda: not stack.waiting(pool), "an empty queue")
    assert worker.stop() == 0, worker.log()
