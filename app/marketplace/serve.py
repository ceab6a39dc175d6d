"""Runs the marketplace broker under granian, the front end's server: one process, some threads that mostly wait."""

import logging
import os

from flask import Flask

from app.marketplace.settings import PREFIX, MarketplaceSettings
from app.marketplace.web import create_app
from app.service_manager import ready
from app.wsgi import check_port, end_with_parent

_THREADS = 8
# Seconds that running requests are given to end.
_STOP_WITHIN = 30


def main() -> None:
    """Serve until SIGTERM or SIGINT. Raises, before anything is started, what says which setting cannot work."""
    from granian import Granian
    from granian.constants import Interfaces
    from granian.log import LogLevels

    settings = MarketplaceSettings.load()
    check_port(settings.host.strip("[]"), settings.port, f"{PREFIX}HOST or {PREFIX}PORT")
    Granian(
        "app.marketplace.serve:application",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
        workers_kill_timeout=_STOP_WITHIN,
        websockets=False,
        log_level=LogLevels.error,
        ssl_cert=settings.tls_cert,
        ssl_key=settings.tls_key,
    ).serve()


def application() -> Flask:
    """The WSGI application of the serving process."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    settings = MarketplaceSettings.load()
    app = create_app(settings)
    end_with_parent()
    logging.getLogger(__name__).info(
        "serving the plans %s on %s port %d, process %d",
        ", ".join(plan.name for plan in settings.offering.plans),
        settings.host,
        settings.port,
        os.getpid(),
    )
    ready("serving")
    return app
