"""Puts the front end together."""

from urllib.parse import urlsplit

from celery import Celery

from app import __version__
from app.broker.connection import BrokerUnavailable
from app.broker.publisher import Publisher
from app.broker.url import BrokerAddress
from app.celery_app import create_app as create_celery
from app.contract import Contract
from app.results import ResultStore
from app.settings import Settings
from app.web import (
    addition,
    auth,
    batches,
    dead,
    headers,
    health,
    limits,
    metrics,
    pages,
    plain,
    problems,
    queues,
    results,
    runs,
    tasks,
)
from app.web.api import Api
from app.web.problems import RETRY_AFTER, Problem
from app.web.services import EXTENSION, Services
from app.web.sessions import PageSessions, session_key
from app.web.signatures import Signatures


def create_app(settings: Settings, contract: Contract, address: BrokerAddress) -> Api:
    """The Flask application. Nothing is connected yet; the publisher connects at the first use, or by its `start`."""
    celery = create_celery(contract, settings, address)
    app = Api("app.web", __version__)
    app.secret_key = session_key(settings)
    app.session_interface = PageSessions()
    app.config.update(SESSION_COOKIE_NAME="warren", SESSION_COOKIE_SAMESITE="Lax")
    app.extensions[EXTENSION] = Services(
        settings,
        contract,
        address,
        Publisher(address, contract, confirms="no-confirms" not in settings.warren_unsafe),
        celery,
        Signatures(_tasks(celery)),
        ResultStore(celery),
        limits.Waiters(contract.web.waiters),
    )
    problems.init(app)
    metrics.init(app)  # first to start its clock, last to stop it
    auth.init(app, settings.tokens)
    limits.init(app, contract)
    headers.init(app, _picture_origins(settings))
    for module in (tasks, batches, results, runs, dead, queues, plain, addition, health):
        module.register(app)
    pages.register(app, settings)
    app.register_error_handler(
        BrokerUnavailable, lambda error: Problem(503, str(error), RETRY_AFTER, sent="no").response()
    )
    return app


def _tasks(celery: Celery) -> list[object]:
    celery.loader.import_default_modules()
    return list(celery.tasks.values())


def _picture_origins(settings: Settings) -> tuple[str, ...]:
    """The dog API's own picture host, and wherever a stand-in for it answers."""
    api = urlsplit(str(settings.warren_dog_api))
    return headers.DOG_PICTURES, f"{api.scheme}://{api.netloc}"
