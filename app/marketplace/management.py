"""RabbitMQ's management API, at whichever node answers. Every call may be made twice: the second finds it done."""

import logging
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import requests

log = logging.getLogger(__name__)

# Seconds. A platform gives up after 60: three nodes that hang must not take longer.
_CONNECT, _READ = 2.0, 10.0


class RabbitMQAway(Exception):
    """No node answers. The text says why each did not, and holds no secret."""


class RabbitMQSlow(RabbitMQAway):
    """Somebody took the request and has not answered in time: it may still be carried out."""


class Refused(Exception):
    """RabbitMQ will not do it; the text is its own reason."""


class Management:
    """`addresses`: such as https://broker1:15671. `ca_file`: whose certificates to trust, None for the system's."""

    def __init__(self, addresses: Sequence[str], login: tuple[str, str], ca_file: str | None) -> None:
        self._addresses, self._login, self._ca_file = list(addresses), login, ca_file
        self._last_good = addresses[0]
        self._local = threading.local()

    def get(self, *path: str) -> Any:
        """The document at /api/<path>; None when there is none."""
        answer = self._ask("GET", path)
        return None if answer.status_code == 404 else answer.json()

    def put(self, *path: str, **body: Any) -> None:
        """Make it so. Raises Refused when something on its way is not there."""
        answer = self._ask("PUT", path, body)
        if answer.status_code == 404:
            raise Refused(f"RabbitMQ has no {'/'.join(path)}")

    def delete(self, *path: str) -> bool:
        """False when it was not there."""
        return self._ask("DELETE", path).status_code != 404

    def _ask(self, method: str, path: Sequence[str], body: Any = None) -> requests.Response:
        """Raises RabbitMQAway, or Refused for every answer but a good one and 404."""
        troubles, slow = [], False
        for address in sorted(self._addresses, key=lambda each: each != self._last_good):
            url = f"{address}/api/{'/'.join(quote(part, safe='') for part in path)}"
            try:
                answer = self._session.request(method, url, json=body, timeout=(_CONNECT, _READ), allow_redirects=False)
            except requests.RequestException as error:
                slow = slow or isinstance(error, requests.ReadTimeout)
                troubles.append(f"{address}: {_reason(error)}")
                continue
            if answer.status_code >= 500:
                troubles.append(f"{address}: HTTP {answer.status_code}")
                continue
            self._last_good = address
            return _judged(answer)
        raise (RabbitMQSlow if slow else RabbitMQAway)("; ".join(troubles))

    @property
    def _session(self) -> requests.Session:
        """One a thread: a session's connections may be shared, the rest of it may not."""
        if not hasattr(self._local, "session"):
            session = self._local.session = requests.Session()
            session.trust_env = False
            session.auth = self._login
            session.verify = self._ca_file or True
        found: requests.Session = self._local.session
        return found


def _judged(answer: requests.Response) -> requests.Response:
    if answer.status_code == 401:
        raise Refused(
            "RabbitMQ refuses the login in WARREN_MARKETPLACE_API_LOGIN_FILE, or its user lacks the tag `administrator`"
        )
    if answer.status_code == 404 or (answer.ok and not answer.is_redirect):
        return answer
    try:
        reason = answer.json().get("reason")
    except (ValueError, AttributeError):
        reason = None
    raise Refused(f"RabbitMQ answers {answer.status_code}: {reason or answer.reason}")


def _reason(error: requests.RequestException) -> str:
    """In a few words: the libraries' own texts repeat the URL and the objects of three layers."""
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not accepted ({error}); is WARREN_MARKETPLACE_CA its authority?"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "cannot be reached" if isinstance(error, requests.ConnectionError) else type(error).__name__
