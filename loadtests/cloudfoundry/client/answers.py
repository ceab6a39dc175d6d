"""Reading what came back, and where it came from."""

import email.utils
import time
from urllib.parse import urlsplit

import requests
from requests.exceptions import RequestException
from urllib3.exceptions import MaxRetryError, NewConnectionError

from loadtests.cloudfoundry.client.errors import Unreachable
from loadtests.cloudfoundry.client.resources import Problem


def address(text: str) -> str:
    """A base without its last slash. Raises Unreachable when tokens would travel in the clear."""
    url = urlsplit(text if "//" in text else f"https://{text}")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise Unreachable(f"{text!r} is no address of an API; give one such as https://api.example.org")
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise Unreachable(f"{text}: over http, logins would travel in the clear; use https")
    return url.geturl().rstrip("/")


def local(path: str) -> str:
    """Path and query alone: links are followed on the host that we know, whatever name the foundation has for it."""
    parts = urlsplit(path)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def problems(answer: requests.Response) -> list[Problem]:
    try:
        found = answer.json()
        if "error" in found:  # UAA's own form
            return [Problem(title=found["error"], detail=found.get("error_description") or "")]
        return [Problem.model_validate(each) for each in found["errors"]]
    except (ValueError, KeyError, TypeError):  # a router or proxy in front of it spoke
        return [Problem(detail=" ".join(answer.text.split())[:200])] if answer.text.strip() else []


def seconds(text: str | None) -> float:
    """From Retry-After: a number of seconds, or a date; 0 when it says nothing."""
    if not text:
        return 0.0
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def refused(error: RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def reason(error: RequestException) -> str:
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "reason", None) or cause).rpartition(": ")[2][:120]
