"""Requests to one foundation: what is repeated, how often, and what an error answer says.

Repeated always, because nothing was done: a connection that could not be made, 429 (after the time it names), and once
401 with a new token. Repeated only where doing it twice comes to the same: 502, 503, 504 and a connection lost on the
way. That is any GET, HEAD, PUT, PATCH and DELETE of v3, and those POSTs that their callers mark `safe`: start, stop,
scale, cancel, applying or comparing a manifest, uploading the bits of a package. Never a POST that creates something.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from requests.exceptions import ConnectTimeout, JSONDecodeError, ReadTimeout, RequestException, SSLError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from urllib3.exceptions import InsecureRequestWarning

from loadtests.cloudfoundry.client.answers import address, local, problems, reason, refused, seconds
from loadtests.cloudfoundry.client.auth import Auth
from loadtests.cloudfoundry.client.call import Again, Call, Header
from loadtests.cloudfoundry.client.errors import ApiError, LoginError, Unreachable
from loadtests.cloudfoundry.client.patience import Patience

AMBIGUOUS = (502, 503, 504)
LOOK_FIRST = "may have been done: look before you repeat it"


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
        self.api, self.auth, self.say = address(api), auth, say
        self.patience = patience or Patience()
        self._verify = verify
        if verify is False:
            urllib3.disable_warnings(InsecureRequestWarning)  # at each request; once is enough
            say(f"the certificate of {self.api} is not checked, as `cf` was told")
        self._session = requests.Session()
        self._session.headers["Accept"] = "application/json"
        self._root: Root | None = None
        auth.connect(self._ask_uaa)

    def request(
        self, method: str, path: str, *, safe: bool | None = None, read: float | None = None, at: str = "", **what: Any
    ) -> requests.Response:
        """An answer that is no error. `path` may be a link of the foundation's; `at`: its base when not the API's."""
        repeat = method != "POST" if safe is None else safe
        header = self.auth.header()
        call = Call(method, f"{at or self.api}{local(path)}", repeat, {"auth": Header(header), **what}, read)
        try:
            return self._repeated(call)
        except ApiError as error:
            if error.status != 401:
                raise
            if not self.auth.renew(header):
                raise LoginError(str(error)) from error
        return self._repeated(replace(call, what={"auth": Header(self.auth.header()), **what}))

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
            answer = self._repeated(Call("GET", f"{self.api}/", True, {"auth": Header("")}))
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

    def _repeated(self, call: Call) -> requests.Response:
        try:
            return Retrying(
                stop=stop_after_attempt(self.patience.attempts),
                wait=self._wait,
                before_sleep=self._tell,
                retry=retry_if_exception_type(Again),
                reraise=True,
            )(self._once, call)
        except Again as gave_up:
            raise gave_up.why from None

    def _once(self, call: Call) -> requests.Response:
        timeout = (self.patience.connect, call.read or self.patience.read)
        try:
            answer = self._session.request(
                call.method, call.url, verify=self._verify, timeout=timeout, allow_redirects=False, **call.what
            )
        except RequestException as error:
            raise self._lost(error, call) from error
        if answer.is_redirect:
            # Followed, a POST would become a GET.
            raise Unreachable(f"{call.url} leads to {answer.headers['Location']}; give the address of the API itself")
        if answer.ok:
            return answer
        ambiguous = answer.status_code in AMBIGUOUS
        note = "" if call.repeat or not ambiguous else f"It {LOOK_FIRST}."
        refusal = ApiError(call.asked, answer.status_code, problems(answer), note)
        if answer.status_code != 429 and not (ambiguous and call.repeat):
            raise refusal
        after = seconds(answer.headers.get("Retry-After"))
        if after > self.patience.retry_after:
            raise ApiError(call.asked, answer.status_code, refusal.problems, f"It says to come back in {after:.0f} s.")
        raise Again(refusal, after)

    def _lost(self, error: RequestException, call: Call) -> Exception:
        where = urlsplit(call.url).netloc
        if isinstance(error, SSLError):
            return Unreachable(
                f"{where} shows a certificate that nothing here vouches for ({reason(error)}); name its CA's file "
                "(CF_CA_FILE), or check the address"
            )
        if isinstance(error, ConnectTimeout) or refused(error):
            text = f"{call.asked}: no connection to {where} ({reason(error)}); check the API's address and the network"
            return Again(Unreachable(text))
        slow = "no answer in time" if isinstance(error, ReadTimeout) else f"the connection broke ({reason(error)})"
        lost = Unreachable(f"{call.asked}: {slow}" + ("" if call.repeat else f"; it {LOOK_FIRST}"), sent=True)
        # Who says how long to wait for an answer has waited.
        given_up = isinstance(error, ReadTimeout) and call.read is not None
        return Again(lost) if call.repeat and not given_up else lost

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, Again)
        own = min(self.patience.backoff * 2 ** (state.attempt_number - 1), self.patience.backoff_most)
        return max(own, error.after)

    def _tell(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        assert isinstance(error, Again) and state.next_action
        self.say(f"{str(error.why).splitlines()[0]}; again in {state.next_action.sleep:.1f} s")

    def _ask_uaa(self, grant: dict[str, str], login: tuple[str, str]) -> dict[str, Any]:
        if not self.root.uaa:
            raise LoginError(f"{self.api} names no UAA; log in with a token or a client certificate")
        url = f"{address(self.root.uaa)}/oauth/token"
        return self.object(self._repeated(Call("POST", url, True, {"data": grant, "auth": login})))
