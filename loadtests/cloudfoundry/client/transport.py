"""Requests to one foundation: what is repeated, how often, and what an error answer says.

Repeated always, because nothing was done: a connection that could not be made, 429 (after the time it names), and once
401 with a new token. Repeated only where doing it twice comes to the same: 502, 503, 504 and a connection lost on the
way. That is any GET, HEAD, PUT, PATCH and DELETE of v3, and those POSTs that their callers mark `safe`: start, stop,
scale, cancel, applying or comparing a manifest, uploading the bits of a package. Never a POST that creates something.
"""

import email.utils
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.exceptions import ConnectTimeout, JSONDecodeError, ReadTimeout, RequestException, SSLError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.exceptions import MaxRetryError, NewConnectionError

from loadtests.cloudfoundry.client.auth import Auth
from loadtests.cloudfoundry.client.errors import ApiError, LoginError, Unreachable
from loadtests.cloudfoundry.client.resources import Problem

AMBIGUOUS = (502, 503, 504)
LOOK_FIRST = "may have been done: look before you repeat it"


@dataclass(frozen=True)
class Patience:
    """Seconds and counts. `retry_after`: the longest wait that a 429 may ask for. `poll` grows to `poll_most`."""

    connect: float = 10.0
    read: float = 60.0
    attempts: int = 6
    backoff: float = 0.5
    backoff_most: float = 15.0
    retry_after: float = 120.0
    poll: float = 0.3
    poll_most: float = 5.0


class _Again(Exception):
    """Worth repeating, after so many seconds (None: our own backoff). `why` is what to raise in the end."""

    def __init__(self, why: Exception, after: float | None = None) -> None:
        self.why, self.after = why, after


@dataclass(frozen=True)
class _Call:
    """`repeat`: doing it twice comes to the same. `read`: seconds to wait for an answer, when not as usual."""

    method: str
    url: str
    repeat: bool
    what: dict[str, Any]
    read: float | None = None

    @property
    def asked(self) -> str:
        return f"{self.method} {urlsplit(self.url).path}"


@dataclass(frozen=True)
class Root:
    """Where a foundation has its parts."""

    api: str
    uaa: str
    log_cache: str


class Transport:
    """`api`: such as https://api.example.org. `verify`: as requests has it: whether, or by which CA's file.

    Raises ApiError, LoginError or Unreachable.
    """

    def __init__(
        self,
        api: str,
        auth: Auth,
        verify: bool | str = True,
        patience: Patience | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.api, self.auth, self.say = _address(api), auth, say
        self.patience = patience or Patience()
        self._verify = verify
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        self._root: Root | None = None
        auth.connect(self._ask_uaa)

    def request(
        self, method: str, path: str, *, safe: bool | None = None, read: float | None = None, at: str = "", **what: Any
    ) -> requests.Response:
        """An answer that is no error. `path` may be a link of the foundation's; `at`: its base when not the API's."""
        repeat = method != "POST" if safe is None else safe
        call = _Call(method, f"{at or self.api}{_local(path)}", repeat, {"auth": self.auth, **what}, read)
        header = self.auth.header()
        try:
            return self._repeated(call)
        except ApiError as error:
            if error.status != 401:
                raise
            if not self.auth.renew(header):
                raise LoginError(str(error)) from error
        return self._repeated(call)

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The JSON object there. Queries that are None are left out, lists become commas."""
        params = {key: ",".join(value) if isinstance(value, list) else value for key, value in query.items()}
        return self.object(self.request("GET", path, params={k: v for k, v in params.items() if v is not None}))

    def send(self, method: str, path: str, body: Any = None, *, safe: bool | None = None) -> dict[str, Any]:
        """Send JSON and read JSON."""
        return self.object(self.request(method, path, safe=safe, json=body))

    def object(self, answer: requests.Response) -> dict[str, Any]:
        if not answer.content:
            return {}
        try:
            found = answer.json()
        except JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise Unreachable(
                f"{answer.url} did not answer as a Cloud Foundry API does, but with {answer.text[:80]!r}; "
                "give the API's address, such as https://api.example.org (cf api shows it)"
            )
        return found

    @property
    def root(self) -> Root:
        """Read once."""
        if self._root is None:
            answer = self._repeated(_Call("GET", f"{self.api}/", True, {"auth": _nobody}))
            links = self.object(answer).get("links") or {}
            if not isinstance(links, dict) or "cloud_controller_v3" not in links:
                raise Unreachable(
                    f"{self.api} is no Cloud Foundry API of version 3; give its address (cf api shows it), "
                    "such as https://api.example.org"
                )

            def href(*names: str) -> str:
                return next((str(links[n]["href"]).rstrip("/") for n in names if (links.get(n) or {}).get("href")), "")

            self._root = Root(self.api, href("uaa", "login"), href("log_cache") or self.api)
        return self._root

    def _repeated(self, call: _Call) -> requests.Response:
        try:
            return Retrying(
                stop=stop_after_attempt(self.patience.attempts),
                wait=self._wait,
                retry=retry_if_exception_type(_Again),
                reraise=True,
            )(self._once, call)
        except _Again as gave_up:
            raise gave_up.why from None

    def _once(self, call: _Call) -> requests.Response:
        timeout = (self.patience.connect, call.read or self.patience.read)
        try:
            answer = self._session.request(call.method, call.url, verify=self._verify, timeout=timeout, **call.what)
        except RequestException as error:
            raise self._lost(error, call) from error
        if answer.ok:
            return answer
        ambiguous = answer.status_code in AMBIGUOUS
        note = "" if call.repeat or not ambiguous else f"It {LOOK_FIRST}."
        refusal = ApiError(call.asked, answer.status_code, _problems(answer), note)
        if answer.status_code == 429:
            after = _seconds(answer.headers.get("Retry-After"))
            if after is not None and after > self.patience.retry_after:
                raise ApiError(call.asked, 429, refusal.problems, f"It says to come back in {after:.0f} s.")
            raise _Again(refusal, after)
        if ambiguous and call.repeat:
            raise _Again(refusal)
        raise refusal

    def _lost(self, error: RequestException, call: _Call) -> Exception:
        where = urlsplit(call.url).netloc
        if isinstance(error, SSLError):
            return Unreachable(
                f"{where} shows a certificate that nothing here vouches for ({_reason(error)}); name its CA's file "
                "(CF_CA_FILE), or check the address"
            )
        if isinstance(error, ConnectTimeout) or _refused(error):
            text = f"{call.asked}: no connection to {where} ({_reason(error)}); check the API's address and the network"
            return _Again(Unreachable(text))
        slow = "no answer in time" if isinstance(error, ReadTimeout) else f"the connection broke ({_reason(error)})"
        lost = Unreachable(f"{call.asked}: {slow}" + ("" if call.repeat else f"; it {LOOK_FIRST}"), sent=True)
        # Who says how long to wait for an answer has waited.
        given_up = isinstance(error, ReadTimeout) and call.read is not None
        return _Again(lost) if call.repeat and not given_up else lost

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, _Again)
        own = min(self.patience.backoff * 2 ** (state.attempt_number - 1), self.patience.backoff_most)
        seconds = own if error.after is None else error.after
        self.say(f"{str(error.why).splitlines()[0]}; again in {seconds:.1f} s")
        return seconds

    def _ask_uaa(self, grant: dict[str, str], login: tuple[str, str]) -> dict[str, Any]:
        if not self.root.uaa:
            raise LoginError(f"{self.api} names no UAA; log in with a token or a client certificate")
        url = f"{_address(self.root.uaa)}/oauth/token"
        return self.object(self._repeated(_Call("POST", url, True, {"data": grant, "auth": login})))


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _address(text: str) -> str:
    """A base without its last slash. Raises Unreachable when tokens would travel in the clear."""
    url = urlsplit(text if "//" in text else f"https://{text}")
    if url.scheme not in ("http", "https") or not url.hostname:
        raise Unreachable(f"{text!r} is no address of an API; give one such as https://api.example.org")
    if url.scheme == "http" and url.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise Unreachable(f"{text}: over http, logins would travel in the clear; use https")
    return url.geturl().rstrip("/")


def _local(path: str) -> str:
    """Path and query alone: links are followed on the host that we know, whatever name the foundation has for it."""
    parts = urlsplit(path)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _problems(answer: requests.Response) -> list[Problem]:
    try:
        found = answer.json()
        if "error" in found:  # UAA's own form
            return [Problem(title=found["error"], detail=found.get("error_description") or "")]
        return [Problem.model_validate(each) for each in found["errors"]]
    except (ValueError, KeyError, TypeError):  # a router or proxy in front of it spoke
        return [Problem(detail=" ".join(answer.text.split())[:200])] if answer.text.strip() else []


def _seconds(text: str | None) -> float | None:
    """From Retry-After: a number of seconds, or a date."""
    if not text:
        return None
    if text.strip().isdecimal():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None


def _refused(error: RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _reason(error: RequestException) -> str:
    cause = error.args[0] if error.args else error
    return str(getattr(cause, "reason", None) or cause).rpartition(": ")[2][:120]
