"""Answers that several views give."""

import json
from typing import Any

from flask import Response


def json_response(body: Any, status: int = 200) -> Response:
    """JSON, without the pretty printing that Flask's own may do."""
    return Response(json.dumps(body), status, mimetype="application/json")


def text_response(text: str, status: int = 200) -> Response:
    """Plain text."""
    return Response(text, status, mimetype="text/plain")
