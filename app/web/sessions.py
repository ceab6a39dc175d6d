"""Sessions in signed cookies: the key, and only for the pages that have any use for them."""

import hashlib
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from flask import Flask, Request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface

from app.settings import Settings

PATHS = frozenset({"/", "/pictures"})


class PageSessions(SecureCookieSessionInterface):
    """Only the pages have sessions; for the API, preparing to read a cookie would be a tenth of a request's time."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return super().open_session(app, request) if request.path in PATHS else None


def session_key(settings: Settings) -> bytes:
    """32 bytes, the same for all processes that share a token, or else a data folder. Raises OSError."""
    if settings.tokens:
        return hashlib.sha256(b"warren session " + settings.tokens[0].encode()).digest()
    path = settings.warren_data_dir / "session-key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _create(path)
    return path.read_bytes()


def _create(path: Path) -> None:
    """Whole or not at all, and only once, however many processes start together."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft:  # for the owner's eyes only
        draft.write(secrets.token_bytes(32))
        draft.flush()
        with suppress(FileExistsError):
            path.hardlink_to(draft.name)
