"""Security headers of every answer."""

from flask import Flask, Response

# Where the dog API keeps its pictures. Another API (a stand-in in tests) adds its own address.
DOG_PICTURES = "https://images.dog.ceo"
_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What a request answers is about this moment; pages with pictures say otherwise for their static files.
    "Cache-Control": "no-store",
}


def init(app: Flask, picture_origins: tuple[str, ...]) -> None:
    """Add the headers. `picture_origins`: where the page may load pictures from, besides this server."""
    policy = (
        f"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; "
        f"img-src 'self' {' '.join(picture_origins)}; base-uri 'none'; frame-ancestors 'none'"
    )

    @app.after_request
    def add(response: Response) -> Response:
        headers = response.headers
        for name, value in _ALWAYS.items():
            headers.setdefault(name, value)
        if response.mimetype == "text/html":
            headers["Content-Security-Policy"] = policy
        return response
