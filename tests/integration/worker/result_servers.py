"""Private Redis/Valkey and PostgreSQL servers, where the machine has them."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _listens(port: int) -> Callable[[], bool]:
    def listens() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    return listens


@contextmanager
def _running(command: list[str], port: int, wait_until: Callable[..., object]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_until(_listens(port), f"{command[0]} listens")
            yield
        finally:
            # PostgreSQL would wait for its clients after a SIGTERM.
            server.send_signal(signal.SIGINT)


@contextmanager
def redis(folder: Path, wait_until: Callable[..., object]) -> Iterator[str]:
    """The address of a Redis, or of a Valkey, for CELERY_BACKEND_URL."""
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if not program:
        pytest.skip("there is no redis-server or valkey-server on this machine")
    port = _port()
    command = [program, "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with _running(command, port, wait_until):
        yield f"valkey://127.0.0.1:{port}/0"


@contextmanager
def postgresql(_folder: Path, wait_until: Callable[..., object]) -> Iterator[str]:
    """The address of a PostgreSQL, for CELERY_BACKEND_URL."""
    homes = [str(path) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    path = os.pathsep.join([*homes, os.environ["PATH"]])
    initdb, program = shutil.which("initdb", path=path), shutil.which("postgres", path=path)
    if not initdb or not program:
        pytest.skip("there is no PostgreSQL server on this machine")
    other_user: list[str] = []
    if os.geteuid() == 0:
        # It refuses to run as root.
        if not shutil.which("setpriv"):
            pytest.skip("PostgreSQL does not run as root, and there is no setpriv to change that")
        other_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    # Not below pytest's folder, which other users may not enter.
    with tempfile.TemporaryDirectory(prefix="warren-postgresql-") as data:
        if other_user:
            os.chown(data, 65534, 65534)
        make = [*other_user, initdb, "-D", data, "-U", "warren", "-A", "trust"]
        subprocess.run(make, check=True, capture_output=True)
        port = _port()
        command = [*other_user, program, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", "", "-F"]
        with _running(command, port, wait_until):
            yield f"db+postgresql+psycopg://warren@127.0.0.1:{port}/postgres"
