"""A front end as tests ask it, and waiting for what takes a moment."""

import time
from collections.abc import Callable
from typing import Any

import requests

START_WITHIN = 30.0  # seconds


class FrontEnd(requests.Session):
    """A running front end. Paths in place of URLs: `front.post("/tasks/noop")`."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
        self.trust_env = False

    def request(self, method: Any, url: Any, *args: Any, **more: Any) -> requests.Response:
        return super().request(method, f"{self.url}{url}", *args, timeout=40, **more)

    def is_up(self) -> bool:
        """Whether it answers at all."""
        return self._says_ok("/healthz")

    def is_ready(self) -> bool:
        """Whether it can hand tasks to the broker."""
        return self._says_ok("/readyz")

    def _says_ok(self, path: str) -> bool:
        try:
            return self.get(path).ok
        except requests.ConnectionError:
            return False

    def send_task(self, task: str, *args: Any, **more: Any) -> str:
        """Send a task; its id."""
        answer = self.post(f"/tasks/{task}", json={"args": args, **more})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


def wait_until(condition: Callable[[], Any], what: str, within: float = START_WITHIN) -> Any:
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within:.0f} s"
        time.sleep(0.05)
    return found
