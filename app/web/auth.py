"""Who may ask: the token, loopback only without one, and nothing that another site's page sent."""

import base64
import binascii
import hmac
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, request

from app.loopback import is_loopback
from app.web.problems import Problem

# Probes carry no token, and tell nothing but whether the process and its broker are there.
OPEN = frozenset({"/healthz", "/readyz"})
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@lru_cache(maxsize=64)
def _loopback_name(host_header: str) -> bool:
    return is_loopback(urlsplit("//" + host_header).hostname or "")


class Unauthorized(Problem):
    """401, with what makes a browser ask for the password."""

    def response(self) -> Response:
        response = super().response()
        response.headers["WWW-Authenticate"] = 'Basic realm="Warren", charset="UTF-8"'
        return response


def init(app: Flask, tokens: Sequence[str]) -> None:
    """Guard every request: any of the tokens opens."""
    expected = [token.encode() for token in tokens]

    @app.before_request
    def guard() -> None:
        environ = request.environ
        if not expected:
            # A page of another site may have made its own name point to 127.0.0.1; it cannot forge this header.
            if not _loopback_name(environ.get("HTTP_HOST", "localhost")):
                raise Problem(403, "without a token only loopback names are answered; set WARREN_TOKEN to use others")
        elif environ["PATH_INFO"] not in OPEN and not _has(expected, environ.get("HTTP_AUTHORIZATION", "")):
            raise Unauthorized(401, "send the token: Authorization: Bearer <token>, or as the password of HTTP Basic")
        if environ["REQUEST_METHOD"] not in SAFE_METHODS and _cross_site(environ):
            raise Problem(403, "sent by another site's page; only Warren's own pages and programs may do that")


def _has(expected: list[bytes], authorization: str) -> bool:
    scheme, _, value = authorization.partition(" ")
    given = value.strip().encode("latin-1", "replace")  # WSGI hands bytes over as latin-1
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return any(hmac.compare_digest(given, each) for each in expected)


def _cross_site(environ: dict[str, str]) -> bool:
    """Browsers say where a request came from, in one of two headers; programs send neither."""
    site = environ.get("HTTP_SEC_FETCH_SITE")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = environ.get("HTTP_ORIGIN")
    return origin is not None and urlsplit(origin).netloc != environ.get("HTTP_HOST")
