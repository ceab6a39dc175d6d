"""The Flask application: openbrokerapi's routes, who may ask, and every error in the protocol's own form."""

import hmac
import logging
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from flask import Flask, Response, g, jsonify, request
from openbrokerapi.api import get_blueprint
from openbrokerapi.auth import BrokerAuthenticator
from openbrokerapi.errors import ErrConcurrentInstanceAccess, ServiceException
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.marketplace.bindings import Bindings
from app.marketplace.broker import Conflict, Marketplace
from app.marketplace.instances import Instances
from app.marketplace.management import Management, RabbitMQAway, Refused
from app.marketplace.settings import MarketplaceSettings
from app.web.limits import discard_body

log = logging.getLogger(__name__)

# Bytes; what platforms send is some hundred.
_MAX_BODY = 65536


def create_app(settings: MarketplaceSettings) -> Flask:
    """Nothing is asked of RabbitMQ yet."""
    # It would log whole requests, passwords and all, at the level DEBUG.
    logging.getLogger("openbrokerapi.request_filter").setLevel(logging.INFO)
    management = Management(settings.api_addresses, settings.api_login, str(settings.ca) if settings.ca else None)
    bindings = Bindings(management, settings.address, settings.keys, settings.ca_text)
    marketplace = Marketplace(settings.offering, Instances(management), bindings, settings.patience)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY
    answers = logging.getLogger("app.marketplace.answers")
    answers.addFilter(_without_traceback)
    blueprint = get_blueprint(marketplace, None, answers, authenticator=Logins(settings.logins))
    for error, answer in _ANSWERS.items():
        blueprint.register_error_handler(error, answer)
    app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _http)
    app.add_url_rule("/healthz", "health", lambda: jsonify(status="ok"))
    app.before_request(_start)
    app.after_request(_one_line)
    return app


class Logins(BrokerAuthenticator):
    """HTTP Basic with any of these logins; a wrong one takes as long as a right one."""

    def __init__(self, logins: Sequence[tuple[str, str]]) -> None:
        self._expected = [f"{user}:{password}".encode() for user, password in logins]

    def authenticate(self) -> Any:
        given = request.authorization
        shown = f"{given.username}:{given.password}".encode() if given and given.type == "basic" else b""
        if sum(hmac.compare_digest(shown, each) for each in self._expected):
            return None
        answer = _answer(401, "wrong user or password; the broker's are in WARREN_MARKETPLACE_LOGIN_FILE")
        answer.headers["WWW-Authenticate"] = 'Basic realm="marketplace", charset="UTF-8"'
        return answer


def _answer(status: int, description: str, error: str | None = None) -> Response:
    response = jsonify({"description": description} | ({"error": error} if error else {}))
    response.status_code = status
    return response


def _conflict(error: Exception) -> Response:
    return _answer(409, str(error))


def _away(error: Exception) -> Response:
    log.error("RabbitMQ's management API does not answer: %s", error)
    return _answer(503, "RabbitMQ does not answer at present; try again in a minute")


def _refused(error: Exception) -> Response:
    log.error("%s", error)
    return _answer(502, f"the marketplace broker could not do this: {error}")


def _busy(error: Exception) -> Response:
    return _answer(422, "another request works on this", "ConcurrencyError")


def _http(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.code == RequestEntityTooLarge.code:
        discard_body()  # or who is still sending sees a broken connection
    return _answer(error.code or 500, error.description or error.name)


_ANSWERS = {
    Conflict: _conflict,
    RabbitMQAway: _away,
    Refused: _refused,
    ErrConcurrentInstanceAccess: _busy,
    HTTPException: _http,
}


def _without_traceback(record: logging.LogRecord) -> bool:
    """What a platform did wrong, or asked for twice, is no fault of ours to be traced."""
    if isinstance(record.msg, ServiceException | TypeError | KeyError | ValueError):
        record.exc_info = None
    return True


def _start() -> None:
    g.began = time.monotonic()


def _one_line(response: Response) -> Response:
    """Method, path, status: never a body or a header, for those hold passwords."""
    took = 1000 * (time.monotonic() - g.began)
    log.info("%s %s %d %.0f ms", request.method, quote(request.path), response.status_code, took)
    return response
