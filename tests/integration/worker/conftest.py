"""Real processes of the app against the real broker, and what a user can see of them."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pika
import pytest
import yaml

from app.broker import topology
from app.broker.message import TaskMessage
from app.broker.url import parse_url
from app.celery_app import create_app
from app.contract import Contract, load_contract
from app.records import stream
from app.settings import Settings

# Nothing here is a promise about speed: whoever waits this long waits in vain.
PATIENCE = 40.0


def wait_until(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """The first true value of `condition`."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"in vain: {what}")


class Process:
    """One `python -m app …` with its log in a file."""

    def __init__(self, arguments: list[str], env: dict[str, str], log: Path) -> None:
        self.log_file = log
        with log.open("wb") as output:
            self.popen = subprocess.Popen(
                [sys.executable, *arguments], env=env, stdout=output, stderr=subprocess.STDOUT, cwd=log.parent
            )
        self.pid = self.popen.pid

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def wait_for(self, text: str) -> None:
        """Until the log says so; fails at once when the process ends without."""

        def said() -> bool:
            if text in self.log():
                return True
            assert self.popen.poll() is None, f"ended with {self.popen.poll()} before {text!r}:\n{self.log()}"
            return False

        wait_until(said, f"{text!r} in the log:\n{self.log()}")

    def signal(self, number: int) -> None:
        self.popen.send_signal(number)

    def ended(self) -> int:
        """The exit code, once it has ended."""
        try:
            return self.popen.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"does not end:\n{self.log()}") from None

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.ended()


class Stack:
    """A vhost, a contract that may differ from the shipped one, and processes that use both."""

    def __init__(self, env: dict[str, str], vhost: Any, folder: Path) -> None:
        self.env, self.vhost, self.folder = env, vhost, folder
        self.address = parse_url(vhost.url("admin"), "test")
        self.processes: list[Process] = []
        self._patient = self.contract
        self._connection: Any = None

    def change(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Run on a changed stack.yml from now on."""
        data = yaml.safe_load(Path(self.env["STACK_FILE"]).read_text())
        change(data)
        path = self.folder / "stack.yml"
        path.write_text(yaml.safe_dump(data))
        self.env["STACK_FILE"] = str(path)
        load_contract(path)

    @property
    def contract(self) -> Contract:
        return load_contract(self.env["STACK_FILE"])

    @property
    def channel(self) -> Any:
        """The test's own channel, as the broker's administrator."""
        if self._connection is None or self._connection.is_closed:
            wait_until(self._connect, "a broker that is ready")
        return self._channel

    def _connect(self) -> bool:
        with suppress(pika.exceptions.AMQPError, OSError):
            # On the shipped contract's heartbeat, whatever the processes use: this connection is often silent for long.
            self._connection = pika.BlockingConnection(self.address.pika_parameters(self._patient))
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
            topology.declare(self._channel, self.contract)
            return True
        return False

    def run(self, *arguments: str, role: str = "worker", **env: str) -> Process:
        """Start `python -m app …`."""
        return self._start(["-m", "app", *arguments], role, env)

    def script(self, code: str, role: str = "worker", **env: str) -> Process:
        """Start Python code that uses the app."""
        return self._start(["-c", code], role, env)

    def _start(self, command: list[str], role: str, env: dict[str, str]) -> Process:
        log = self.folder / f"process-{len(self.processes)}.log"
        process = Process(command, self.env | {"CELERY_BROKER_URL": self.vhost.url(role)} | env, log)
        self.processes.append(process)
        return process

    def free_port(self) -> int:
        """A port that nobody listens on; also `stack.port` from now on."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port: int = server.getsockname()[1]
        return self.port

    def worker(self, pool: str, index: int = 0, **env: str) -> Process:
        """A worker that is ready."""
        process = self.run("worker", pool, "--index", str(index), **env)
        process.wait_for("ready.")
        return process

    def send(self, task: str, *args: Any, queue: str | None = None, run: str = "run", **more: Any) -> str:
        """Send a measured task; its id."""
        message = TaskMessage(
            str(uuid.uuid4()),
            task,
            queue or self.contract.queue_of(task),
            list(args),
            run=run,
            scheduled=time.time(),
            **more,
        )
        exchange, key = message.route()
        self.channel.basic_publish(exchange, key, message.body(), message.properties(), mandatory=True)
        return message.id

    def records(self, run: str = "run") -> list[dict[str, Any]]:
        """All records of a run so far."""
        try:
            return [json.loads(line) for line in stream.read(self.address, self.contract, run)[0]]
        except stream.RecordsUnavailable:  # while the broker starts
            return []

    def recorded(self, count: int, run: str = "run") -> list[dict[str, Any]]:
        """The records of a run, once there are so many."""
        return wait_until(
            lambda: (found := self.records(run)) if len(found := self.records(run)) >= count else None,
            f"{count} records",
        )

    def waiting(self, queue: str) -> int:
        """Messages that wait in a queue."""
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def take(self, queue: str) -> list[dict[str, Any]]:
        """Take all messages out of a queue: their headers."""
        headers = []
        while (got := self.channel.basic_get(queue, auto_ack=True))[0]:
            headers.append(got[1].headers)
        return headers

    def close_connections(self, user: str) -> None:
        """Have the broker close the connections of a role's processes."""
        rabbitmqctl = self.vhost.rabbit.rabbitmqctl
        for line in rabbitmqctl("-q", "list_connections", "-s", "pid", "user", "vhost").splitlines():
            pid, *whose = line.split("\t")
            if whose == [user, self.vhost.name]:
                rabbitmqctl("close_connection", pid, "a test")

    def close(self) -> None:
        for process in self.processes:
            if process.popen.poll() is None:
                os.kill(process.pid, signal.SIGCONT)
                process.popen.kill()
                process.popen.wait()
        if self._connection is not None and self._connection.is_open:
            with suppress(pika.exceptions.AMQPError):
                self._connection.close()


@pytest.fixture
def stack(settings_env: dict[str, str], vhost: Any, tmp_path: Path) -> Iterator[Stack]:
    """An empty stack of one test's own."""
    made = Stack(settings_env, vhost, tmp_path)
    yield made
    made.close()


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., Any]:
    """`wait_until(condition, what)`: its first true value, or a failure that says what was waited for."""
    return wait_until


@pytest.fixture
def celery(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The stack's Celery app in this process, as an operator's `celery -A app.celery_app …` would have it."""
    monkeypatch.setenv("WARREN_DATA_DIR", stack.env["WARREN_DATA_DIR"])
    app = create_app(stack.contract, Settings.load(), stack.address)
    app.loader.import_default_modules()
    return app


@pytest.fixture
def failing_server() -> Iterator[str]:
    """The address of a file on a server that is out of order the first time it is asked."""

    class OutOfOrder(BaseHTTPRequestHandler):
        asked = 0

        def do_GET(self) -> None:
            OutOfOrder.asked += 1
            body = b"here it is"
            self.send_response(503 if OutOfOrder.asked == 1 else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), OutOfOrder) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/file.bin"
        server.shutdown()


@pytest.fixture(scope="session")
def patience() -> Callable[..., Any]:
    """`wait_until` for fixtures that live longer than a test."""
    return wait_until
