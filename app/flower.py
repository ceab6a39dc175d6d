"""Flower, the web page that shows workers and tasks. Off loopback only behind a password, which never stands on a
command line: processes' arguments can be read by everyone on the host."""

import atexit
import os
import signal
import sys
from contextlib import suppress
from typing import Any

import click

from app.broker.address import resolve_broker
from app.celery_app import create_app
from app.contract import load_contract
from app.loopback import is_loopback
from app.service_manager import ready
from app.settings import Settings, SettingsError


def run_flower() -> int:
    """Serve until stopped. Raises SettingsError when it would be open to everyone."""
    settings = Settings.load()
    _judge(settings)
    app = create_app(load_contract(settings.stack_file), settings, resolve_broker(os.environ))
    app.log.setup("INFO")
    # Imported late: its options are global, and reading them is all that importing needs to do.
    from flower.app import Flower
    from flower.options import options
    from flower.urls import settings as pages

    options.address, options.port = settings.flower_host.strip("[]"), settings.flower_listen_port
    options.basic_auth = [settings.flower_login] if settings.flower_login else []
    server = Flower(capp=app, options=options, **pages)
    try:
        server.start_http_server()
    except OSError as error:
        raise click.ClickException(
            f"Flower cannot listen at {options.address}:{options.port}: {error.strerror}; set FLOWER_LISTEN_PORT"
        ) from error
    atexit.register(server.stop)
    signal.signal(signal.SIGTERM, _end)
    ready("serving")
    with suppress(KeyboardInterrupt):
        server.start()
    return 0


def _judge(settings: Settings) -> None:
    if settings.flower_login and ":" not in settings.flower_login.strip(":"):
        raise SettingsError("FLOWER_BASIC_AUTH: write user:password")
    if not settings.flower_login and not is_loopback(settings.flower_host):
        raise SettingsError(
            f"FLOWER_HOST: {settings.flower_host} can be reached by others, who could then stop workers; set "
            "FLOWER_BASIC_AUTH=user:password or FLOWER_BASIC_AUTH_FILE, or FLOWER_HOST=127.0.0.1"
        )


def _end(_signal: int, _frame: Any) -> None:
    sys.exit(0)
