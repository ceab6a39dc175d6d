"""A front end as those ask it who measure it or look after it: records of tasks, dead letters, queue depths."""

import time
from pathlib import Path
from typing import Any

import requests

TIMEOUT = 15.0
MOST_DEAD = 10_000


class FrontEndError(Exception):
    """The front end did not answer as it should. `permanent`: asking again will not help."""

    def __init__(self, text: str, permanent: bool = False, status: int = 0) -> None:
        super().__init__(text)
        self.permanent = permanent
        self.status = status


class FrontEnd:
    """A Warren front end, by its URL and token."""

    def __init__(self, url: str, token: str = "", ca: str = "") -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # Not from the environment: a proxy or a .netrc would come between.
        self._session.trust_env = False
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"
        if ca:
            self._session.verify = str(Path(ca))

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        """The JSON object at `path`. Raises FrontEndError."""
        return self.ask("GET", path, params=params)

    def ask(self, method: str, path: str, timeout: float = TIMEOUT, **more: Any) -> dict[str, Any]:
        """The JSON object that answers; `more`: as requests has it, such as `json`. Raises FrontEndError."""
        try:
            response = self._session.request(method, f"{self.url}{path}", timeout=timeout, **more)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise FrontEndError(f"{self.url} does not answer: {_reason(error)}") from error
        except requests.RequestException as error:
            raise FrontEndError(f"{self.url}: {error}", permanent=True) from error
        status = response.status_code
        if status in (401, 403):
            text = f"{self.url} refused the token (status {status}); give it with --token or WARREN_TOKEN"
            raise FrontEndError(text, permanent=True, status=status)
        if status != 200:
            text = f"{self.url}{path}: status {status}: {_detail(response)}"
            raise FrontEndError(text, status in (404, 405, 422), status)
        try:
            body = response.json()
        except requests.JSONDecodeError as error:
            raise FrontEndError(f"{self.url}{path}: the answer is not JSON", permanent=True) from error
        if not isinstance(body, dict):
            raise FrontEndError(f"{self.url}{path}: the answer is no object", permanent=True)
        return body

    def records(
        self, run: str, cursor: str | None, since: float, wait: float
    ) -> tuple[list[dict[str, Any]], str | None]:
        """Records that came after `cursor` (None: since that epoch second), and the next cursor."""
        where: dict[str, Any] = {"after": cursor} if cursor else {"since": f"{since:.3f}"}
        body = self.get(f"/runs/{run}/records", wait=f"{wait:g}", **where)
        return body.get("records", []), body.get("next") or cursor

    def dead(self, run: str) -> tuple[list[dict[str, Any]], bool]:
        """The run's dead letters, and whether there are more than these."""
        for _ in range(20):
            try:
                body = self.get("/dead", run=run, limit=MOST_DEAD)
                return body.get("messages", []), bool(body.get("truncated"))
            except FrontEndError as error:
                if error.status != 409:
                    raise
                time.sleep(0.5)  # someone else is looking at them
        raise FrontEndError(f"{self.url}/dead is in use by others")

    def queues(self) -> list[dict[str, Any]]:
        """Depth and consumers of each queue."""
        found: list[dict[str, Any]] = self.get("/queues").get("queues", [])
        return found


def _detail(response: requests.Response) -> str:
    """What it says of an error: the detail of a problem document, or the text of whoever spoke instead."""
    try:
        body = response.json()
    except requests.JSONDecodeError:
        body = None
    return str((isinstance(body, dict) and body.get("detail")) or response.text[:300])


def _reason(error: Exception) -> str:
    """The innermost reason: requests wraps it in urllib3's words."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(cause)
