"""One suite for any target:

    pytest tests/acceptance                                    the local stack, brought up and taken away
    pytest tests/acceptance --target hosts                     the deployment of ansible.cfg's inventory, or of
                                                               --ansible-inventory FILE
    pytest tests/acceptance --target kubernetes                the one in the current context's namespace `warren`, or
                                                               in --namespace, --context; --url where it has no way in
    pytest tests/acceptance --target cloudfoundry              the app `warren` where `cf target` or CF_… lead, or
                                                               --app; --url where this machine cannot resolve its route
    pytest tests/acceptance --url https://… --token …          any other
    pytest tests/acceptance --url … --restart ./restart        … that can be told `./restart worker|web|broker`

Without what a target does not offer, a test is skipped and says what was missing.
"""

import os
import shlex
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.contract import ContractError
from loadtests.cloudfoundry import deployment as cloud_app
from loadtests.cloudfoundry.client import login
from loadtests.cloudfoundry.client.errors import FoundationError
from loadtests.cloudfoundry.restart import PARTS
from loadtests.cloudfoundry.restart import restart as restart_instances
from loadtests.hosts.inventory import BadInventory, read
from loadtests.hosts.remote import Remote
from loadtests.hosts.restart import restart as restart_part
from loadtests.kubernetes.deployment import read as read_namespace
from loadtests.kubernetes.forward import forwarded
from loadtests.kubernetes.kubectl import Kubectl, KubectlError
from loadtests.kubernetes.restart import restart as restart_pods
from loadtests.local.processes import StackOptions
from loadtests.local.stack import LocalStack

from ..dog_api import DogApi
from ..front_end import FrontEnd, wait_until

ROOT = Path(__file__).parents[2]
SEND_WITHIN = 300.0  # seconds, through a restart of everything


TARGETS = ["local", "hosts", "kubernetes", "cloudfoundry"]


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("acceptance")
    group.addoption("--target", choices=TARGETS, default="local", help="where it is")
    group.addoption("--app", default=cloud_app.NAME, help="of a space")
    group.addoption("--namespace", default=Kubectl.namespace, help="of a cluster")
    group.addoption("--context", default="", help="of the kubeconfig; else its current one")
    group.addoption("--url", help="the front end to test, wherever it is")
    group.addoption("--token", default=os.environ.get("WARREN_TOKEN"), help="its token (WARREN_TOKEN)")
    group.addoption("--restart", help="a command that restarts the part its last argument names: worker, web or broker")
    group.addoption("--download", help="an address that the target's workers may download from")


@dataclass
class Target:
    """What is tested, and what it offers beyond HTTP."""

    front: FrontEnd
    restart: Callable[[str], None] | None
    download: str | None
    # Whether the workers may fetch from private addresses, such as a stand-in for the dog API on this machine.
    own_pictures: bool
    # Of which parts `restart` knows; a marketplace's broker is nobody's here to restart.
    parts: Collection[str] = ("worker", "web", "broker")


@pytest.fixture(scope="session")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """The target under test."""
    config = request.config
    url, token = config.getoption("--url", None), config.getoption("--token", None)
    if config.getoption("--target", "local") == "hosts":
        yield from hosts(config.getoption("--ansible-inventory") or "", config.getoption("--download"))
        return
    if config.getoption("--target", "local") == "kubernetes":
        kubectl = Kubectl(config.getoption("--namespace"), config.getoption("--context"))
        yield from kubernetes(kubectl, url, config.getoption("--download"))
        return
    if config.getoption("--target", "local") == "cloudfoundry":
        yield from cloudfoundry(config.getoption("--app"), url, config.getoption("--download"))
        return
    if url is None:
        yield from local(tmp_path_factory.mktemp("acceptance") / "stack")
        return
    front = FrontEnd(url.rstrip("/"))
    if token:
        front.headers["Authorization"] = f"Bearer {token}"
    command = config.getoption("--restart")

    def restart(part: str) -> None:
        subprocess.run([*shlex.split(command), part], check=True, timeout=300)

    yield Target(front, restart if command else None, config.getoption("--download"), False)


def hosts(inventory: str, download: str | None) -> Iterator[Target]:
    """A deployment on hosts; parts are restarted over ssh."""
    try:
        deployment = read(inventory)
    except (BadInventory, ContractError) as error:
        raise pytest.UsageError(str(error)) from error
    if not deployment.url:
        raise pytest.UsageError(deployment.no_url)
    front = FrontEnd(deployment.url)
    front.verify = deployment.ca or True
    front.headers["Authorization"] = f"Bearer {deployment.token}"
    with Remote() as remote:
        yield Target(front, lambda part: restart_part(remote, deployment, part), download, False)


def kubernetes(kubectl: Kubectl, url: str | None, download: str | None) -> Iterator[Target]:
    """A deployment in a cluster; parts are restarted by deleting their pods."""
    with ExitStack() as stack:
        try:
            deployment = read_namespace(kubectl)
            way = url or deployment.url or stack.enter_context(forwarded(kubectl))
        except (KubectlError, ContractError) as error:
            raise pytest.UsageError(str(error)) from error
        front = FrontEnd(way.rstrip("/"))
        front.headers["Authorization"] = f"Bearer {deployment.token}"
        yield Target(front, lambda part: restart_pods(kubectl, part), download, False)


def cloudfoundry(app: str, url: str | None, download: str | None) -> Iterator[Target]:
    """An app in a space; its instances are ended, and the foundation starts others."""
    try:
        deployment = cloud_app.read(login.connect(), app)
    except FoundationError as error:
        raise pytest.UsageError(str(error)) from error
    if not (url or deployment.url):
        raise pytest.UsageError(f"no route leads to {app}; say --url")
    front = FrontEnd((url or deployment.url).rstrip("/"))
    front.headers["Authorization"] = f"Bearer {deployment.token}"
    yield Target(front, lambda part: restart_instances(deployment, part), download, False, parts=PARTS)


def local(folder: Path) -> Iterator[Target]:
    """The local stack, with a token as it would have elsewhere, and a stand-in for the dog API."""
    api, token = DogApi(), uuid.uuid4().hex
    settings = {"WARREN_DOG_API": api.url, "WARREN_DOWNLOAD_PRIVATE": "true"}
    options = StackOptions(stack_file=ROOT / "stack.yml", token=token, environment=settings)
    try:
        with LocalStack(folder, options, throwaway=True) as stack:
            front = FrontEnd(stack.url)
            front.headers["Authorization"] = f"Bearer {token}"

            def restart(part: str) -> None:
                if part == "broker":
                    stack.restart_broker()
                else:
                    for process in stack.processes():
                        if process.role == part:
                            stack.kill(process.name, signal.SIGTERM)

            yield Target(front, restart, f"{api.origin}/pictures/pug-1.svg", True)
    finally:
        api.stop()


@pytest.fixture
def front(target: Target) -> FrontEnd:
    """The target's front end."""
    return target.front


class Run:
    """Measured tasks of one test, and their records."""

    def __init__(self, front: FrontEnd) -> None:
        self.id = f"acceptance-{uuid.uuid4().hex[:12]}"
        self.accepted: list[str] = []
        self.records: list[dict[str, Any]] = []
        self._front, self._query = front, ""

    def send(self, task: str, *args: Any, **more: Any) -> str:
        """Send one; its id."""
        answer = self._front.post(f"/tasks/{task}", json={"args": args, **more}, headers={"Warren-Run": self.id})
        assert answer.status_code == 202, answer.text
        self.accepted.append(answer.json()["id"])
        return self.accepted[-1]

    def send_many(self, count: int, task: str) -> None:
        """Send until so many are accepted, as a client does that sends again what was refused."""
        missing, deadline = count, time.monotonic() + SEND_WITHIN
        while missing:
            assert time.monotonic() < deadline, f"{missing} of {count} tasks were not accepted in {SEND_WITHIN:.0f} s"
            body = {"tasks": [{"task": task}] * min(missing, 50)}
            try:
                answer = self._front.post("/batches", json=body, headers={"Warren-Run": self.id})
                items = answer.json().get("items", [])
            except OSError:  # the front end is being restarted
                items = []
            taken = [item["id"] for item in items if item.get("state") == "accepted"]
            self.accepted += taken
            missing -= len(taken)

    def finished(self, within: float = 60) -> list[dict[str, Any]]:
        """Records, once each accepted task has ended at least once."""

        def all_ended() -> bool:
            self._read()
            return set(self.accepted) <= {record["id"] for record in self.records}

        wait_until(all_ended, f"the end of all {len(self.accepted)} tasks", within)
        return self.records

    def _read(self) -> None:
        try:
            answer = self._front.get(f"/runs/{self.id}/records?wait=2{self._query}")
        except OSError:
            return
        if answer.ok:
            self.records += answer.json()["records"]
            self._query = f"&after={answer.json()['next']}"


@pytest.fixture
def run(front: FrontEnd) -> Run:
    """A run of its own."""
    return Run(front)
