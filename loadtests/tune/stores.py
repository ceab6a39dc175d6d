"""Result stores to choose from: SQLite, rpc://, a private Valkey or Redis where one is installed, those of the user."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from celery import Celery

from app.celery_app import TASK_MODULES
from app.settings import read_secret
from loadtests.local.child import die_with_parent
from loadtests.local.ports import LOOPBACK, free_ports
from loadtests.local.processes import RESULTS
from loadtests.tune.candidate import NO_RESULTS, SQLITE
from loadtests.tune.space import RPC, BadSpace

PROGRAMS = ("valkey-server", "redis-server")
NAME = "redis"
KINDS = (NAME, "rediss", SQLITE, "postgresql", "mysql", RPC)
SECONDS = 10.0


def named() -> tuple[str, ...]:
    """What our own environment names as the store of results. Raises SettingsError."""
    url, file = (os.environ.get(variable) for variable in RESULTS)
    return (url,) if url else (read_secret(Path(file), RESULTS[1]),) if file else ()


def keeps_results(task: str) -> bool:
    """Whether a task's result is kept at all. True for one that is not Warren's own: nobody here knows."""
    app = Celery(set_as_current=False, include=TASK_MODULES)
    app.loader.import_default_modules()
    known = app.tasks.get(task)
    return known is None or not known.ignore_result


@contextmanager
def addresses(given: tuple[str, ...], keeps: bool) -> Iterator[tuple[dict[str, str], list[str]]]:
    """Name → address of each store, as long as the context lasts; and what is left out, and why.

    The first is that of the stack as it is: what the user named, or SQLite. A task that keeps no result has but one.
    """
    if not keeps:
        yield {NO_RESULTS: ""}, ["result stores are left out: this task keeps no result"]
        return
    named = {_name(address, number): address for number, address in enumerate(given)}
    found = named | {name: address for name, address in {SQLITE: "", RPC: "rpc://"}.items() if name not in named}
    program = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if NAME in named:
        yield found, []
    elif program is None:
        missing = f"Redis is left out: there is neither {' nor '.join(PROGRAMS)} here; name one with --result-store"
        yield found, [missing]
    else:
        with _server(program) as address:
            yield found | {NAME: address}, []


@contextmanager
def _server(program: str) -> Iterator[str]:
    (port,) = free_ports(1)
    command = [program, "--bind", LOOPBACK, "--port", str(port), "--save", "", "--appendonly", "no"]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=die_with_parent,
    ) as server:
        try:
            deadline = time.monotonic() + SECONDS
            while not _listens(port):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise OSError(f"{Path(program).name} did not come up on port {port}")
                time.sleep(0.05)
            yield f"redis://{LOOPBACK}:{port}/0"
        finally:
            server.terminate()


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), 1).close()
    except OSError:
        return False
    return True


def _name(address: str, number: int) -> str:
    """A short name without secrets: the kind of address, and a number from the second on. Raises BadSpace."""
    wanted = f"an address of one of these is wanted: {', '.join(KINDS)}"
    try:
        scheme = urlsplit(address).scheme
    except ValueError:  # its text shows the address, and so a password
        raise BadSpace(f"--result-store: what number {number + 1} names is no address; {wanted}") from None
    kind = scheme.removeprefix("db+").partition("+")[0].replace("valkey", "redis")
    if kind not in KINDS:
        shown = f" {kind}…" if "://" in address else ""
        raise BadSpace(f"--result-store{shown}: {wanted}")
    if kind == RPC:
        return RPC  # there is but one, and it is known by its name as unsafe
    return f"{kind}-{number + 1}" if number else kind
