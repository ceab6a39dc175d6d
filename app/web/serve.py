"""Runs the front end under granian: some processes, each with some threads (`web` in stack.yml)."""

import logging
import os
import shutil
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.broker.address import resolve_broker
from app.contract import Contract, load_contract
from app.loopback import is_loopback
from app.service_manager import ready
from app.settings import Settings
from app.web.sessions import session_key
from app.wsgi import check_port, end_with_parent

if TYPE_CHECKING:
    from app.web.api import Api

# Seconds that running requests are given to end. Waiting ones are answered at once when the process is told to stop.
STOP_WITHIN = 8

_prepared: "Api | None" = None


def main() -> None:
    """Serve until SIGTERM or SIGINT. Raises, before anything is started, what says which setting cannot work."""
    settings = Settings.load()
    contract = load_contract(settings.stack_file)
    resolve_broker(os.environ)
    _check_listen(settings)
    files = settings.data_folder() / f"metrics-{settings.warren_port}"
    try:
        _fresh(files)
        session_key(settings)
    except OSError as error:
        raise click.UsageError(f"WARREN_DATA_DIR: {error.filename}: {error.strerror}") from error
    # Before prometheus_client is imported, which decides then whether it counts in files; so these come here.
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(files)
    try:
        _serve(settings, contract)
    finally:
        shutil.rmtree(files, ignore_errors=True)


def _serve(settings: Settings, contract: Contract) -> None:
    global _prepared
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    # Forked processes share it, and are ready at the same moment: a late one would get none of the connections that
    # clients keep open. Where processes are spawned instead (macOS), each prepares its own.
    _prepared = _prepare()
    Granian(
        "app.web.serve:application",
        factory=True,
        address=settings.warren_host,
        port=settings.warren_port,
        interface=Interfaces.WSGI,
        workers=contract.web.processes,
        blocking_threads=contract.web.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_WITHIN,
        websockets=False,
        log_level=LogLevels.error,
    ).serve()


def _prepare() -> "Api":
    from app.web.app import create_app

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pika").setLevel(logging.ERROR)  # the publisher says in one line what pika says in twenty
    settings = Settings.load()
    return create_app(settings, load_contract(settings.stack_file), resolve_broker(os.environ))


def application() -> "Api":
    """The WSGI application of one process, with its connection to the broker under way."""
    from app.web.services import EXTENSION

    app = _prepared or _prepare()
    services = app.extensions[EXTENSION]
    services.publisher.start()
    _on_stop(services.stopping)
    end_with_parent()
    # The socket is open by now: requests wait in it until this process takes them.
    ready("serving")
    return app


def _on_stop(stopping: threading.Event) -> None:
    """Set `stopping` at SIGTERM or SIGINT. granian installs its own handlers, so we listen beside them."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def wait() -> None:
        while os.read(reading, 1)[0] not in (signal.SIGTERM, signal.SIGINT):
            pass
        stopping.set()

    threading.Thread(target=wait, name="stop-watch", daemon=True).start()


def _check_listen(settings: Settings) -> None:
    """Raises UsageError for an address that may not be listened on, or cannot: granian would print a traceback."""
    host, port = settings.warren_host.strip("[]"), settings.warren_port
    if not settings.tokens and not is_loopback(host):
        raise click.UsageError(
            f"WARREN_HOST is {host}, which others can reach, and there is no token: set WARREN_TOKEN or "
            "WARREN_TOKEN_FILE, or WARREN_HOST=127.0.0.1"
        )
    check_port(host, port, "WARREN_HOST or WARREN_PORT")


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
