"""Security headers of every answer."""

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response

# Where the dog API keeps its pictures. Another API (a stand-in in tests) adds its own address.
DOG_PICTURES = "https://images.dog.ceo"
_ALWAYS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
]
# An answer is about its own moment; what may be kept (static files) says so itself.
_NOT_KEPT = ("Cache-Control", "no-store")


def init(app: Flask, picture_origins: tuple[str, ...]) -> None:
    """Add the headers. `picture_origins`: where the page may load pictures from, besides this server."""
    policy = (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
        f"img-src 'self' {' '.join(picture_origins)}; base-uri 'none'; frame-ancestors 'none'"
    )

    @app.after_request
    def add_policy(response: Response) -> Response:
        if response.mimetype == "text/html":
            response.headers["Content-Security-Policy"] = policy
        return response

    # Below Flask, where headers are a plain list: through its header objects it takes 20 times as long.
    app.wsgi_app = _adding_headers(app.wsgi_app)  # type: ignore[method-assign]


def _adding_headers(wsgi_app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            headers += _ALWAYS
            if not any(name == "Cache-Control" for name, _ in headers):
                headers.append(_NOT_KEPT)
            return start_response(status, headers, exc_info)

        return wsgi_app(environ, start)

    return wrapped
