"""One request: what it is, whose, and whether it may be sent again."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase


class Header(AuthBase):
    """A login as requests knows it: kept from other hosts, and not overruled by ~/.netrc. Empty: none."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._text:
            request.headers["Authorization"] = self._text
        return request


class Again(Exception):
    """Worth repeating, not before so many seconds. `why` is what to raise in the end."""

    def __init__(self, why: Exception, after: float = 0.0) -> None:
        self.why, self.after = why, after


@dataclass(frozen=True)
class Call:
    """`repeat`: doing it twice comes to the same. `read`: seconds to wait for an answer, when not as usual."""

    method: str
    url: str
    repeat: bool
    what: dict[str, Any]
    read: float | None = None

    @property
    def asked(self) -> str:
        return f"{self.method} {urlsplit(self.url).path}"
