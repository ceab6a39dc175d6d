"""The marketplace broker as a process, asked as a foundation asks it."""

import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from loadtests.local.ports import free_ports

ROOT = Path(__file__).parents[3]
SMALL, LARGE = "b3a1e2a4-0a53-4e4e-9a0c-2f1c6a7d9e01", "b3a1e2a4-0a53-4e4e-9a0c-2f1c6a7d9e02"
# A plan of the tests' own, beside the shipped ones.
TINY = "tiny"
SERVICE = "5c0d9f53-6b0f-4f3c-9c5e-8f2f4f0f7a51"
LOGIN = ("foundation", "shown by the platform: ü")
KEY = "0123456789abcdef" * 4


class Foundation:
    """What Cloud Foundry's controller does with a broker. Each call gives the answer; nothing is raised."""

    def __init__(self, url: str, verify: str | bool = True) -> None:
        self.url, self.session = url, requests.Session()
        self.session.trust_env, self.session.verify = False, verify
        self.session.auth = tuple(part.encode() for part in LOGIN)
        self.session.headers["X-Broker-API-Version"] = "2.17"
        self.passwords: set[str] = set()

    def ask(self, method: str, path: str, body: Any = None, **query: str) -> requests.Response:
        return self.session.request(method, f"{self.url}/v2/{path}", json=body, params=query, timeout=60)

    def provision(self, instance: str, plan: str = SMALL, more: Any = None, **query: str) -> requests.Response:
        body = {"service_id": SERVICE, "plan_id": plan, "organization_guid": "org", "space_guid": "space"}
        body["context"] = {"platform": "cloudfoundry", "organization_guid": "org", "space_guid": "space"}
        return self.ask("PUT", f"service_instances/{instance}", body | (more or {}), **query)

    def update(self, instance: str, plan: str) -> requests.Response:
        body = {"service_id": SERVICE, "plan_id": plan, "previous_values": {"plan_id": SMALL}}
        return self.ask("PATCH", f"service_instances/{instance}", body)

    def bind(self, instance: str, binding: str, plan: str = SMALL, more: Any = None) -> requests.Response:
        body = {"service_id": SERVICE, "plan_id": plan, "bind_resource": {"app_guid": "app"}} | (more or {})
        answer = self.ask("PUT", f"service_instances/{instance}/service_bindings/{binding}", body)
        if answer.ok:
            self.passwords.add(answer.json()["credentials"]["password"])
        return answer

    def unbind(self, instance: str, binding: str, plan: str = SMALL) -> requests.Response:
        path = f"service_instances/{instance}/service_bindings/{binding}"
        return self.ask("DELETE", path, service_id=SERVICE, plan_id=plan)

    def deprovision(self, instance: str, plan: str = SMALL, **query: str) -> requests.Response:
        return self.ask("DELETE", f"service_instances/{instance}", service_id=SERVICE, plan_id=plan, **query)

    def finish(self, instance: str, operation: str) -> requests.Response:
        """Poll until the operation is over; the last answer."""
        for _ in range(100):
            answer = self.ask("GET", f"service_instances/{instance}/last_operation", operation=operation)
            if answer.status_code != 200 or answer.json()["state"] != "in progress":
                return answer
            time.sleep(0.1)
        raise AssertionError(f"{operation} never ended")

    def bound(self) -> tuple[str, str, dict[str, Any]]:
        """A new instance with a binding: their ids and the credentials."""
        instance, binding = new(), new()
        assert self.provision(instance).status_code == 201
        answer = self.bind(instance, binding)
        assert answer.status_code == 201, answer.text
        return instance, binding, answer.json()["credentials"]


def new() -> str:
    """An id as platforms make them."""
    return str(uuid.uuid4())


def settings(folder: Path, api: str, api_password: str, brokers: str, **more: str) -> dict[str, str]:
    """The environment of a marketplace broker; its secrets in files in `folder`."""
    files = {"login": ":".join(LOGIN), "key": KEY, "api-login": f"admin:{api_password}"}
    for name, text in files.items():
        (folder / name).write_text(text + "\n")
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return (
        kept
        | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
        | {
            "WARREN_MARKETPLACE_PORT": str(free_ports(1)[0]),
            "WARREN_MARKETPLACE_LOGIN_FILE": str(folder / "login"),
            "WARREN_MARKETPLACE_KEY_FILE": str(folder / "key"),
            "WARREN_MARKETPLACE_API": api,
            "WARREN_MARKETPLACE_API_LOGIN_FILE": str(folder / "api-login"),
            "WARREN_MARKETPLACE_BROKERS": brokers,
        }
        | more
    )


@contextmanager
def marketplace(folder: Path, env: dict[str, str]) -> Iterator[str]:
    """A running one; its URL. Its output goes to `folder`/marketplace.log."""
    log = folder / "marketplace.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "marketplace"], env=env, cwd=folder, stdout=output, stderr=output
        )
    scheme = "https" if "WARREN_MARKETPLACE_TLS_CERT" in env else "http"
    url = f"{scheme}://localhost:{env['WARREN_MARKETPLACE_PORT']}"
    try:
        _wait_for(int(env["WARREN_MARKETPLACE_PORT"]), process, log)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(log.read_text())
