"""The foundation and the stack on it, with hands to use and to break them."""

import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from loadtests.cloudfoundry.client import login
from loadtests.cloudfoundry.client.client import Client
from loadtests.cloudfoundry.client.pages import every
from loadtests.cloudfoundry.client.resources import Instance, Resource
from tests.foundation.names import DOMAIN

from ..cloudfoundry.pulumi_stack import Stack
from ..cluster.commands import Commands
from ..cluster.state import ROOT
from ..front_end import FrontEnd, wait_until
from ..under_load import Where

KINDS = ("apps", "routes", "service_instances", "service_credential_bindings")


class Foundation:
    """One that is up. `environment`: what `source` would set."""

    def __init__(self, hands: Commands, folder: Path) -> None:
        self.hands, self._folder = hands, folder
        said = self._command("up")
        self.results_url = next(line.partition("results: ")[2] for line in said.splitlines() if "results: " in line)
        lines = (folder / "foundation/environment").read_text().splitlines()
        pairs = (shlex.split(line)[1].partition("=") for line in lines)
        self.environment = {name: value for name, _, value in pairs}

    @cached_property
    def client(self) -> Client:
        return login.connect(self.environment)

    def publish(self, route: str) -> str:
        """The URL of this machine for a route."""
        return self._command("publish", route).splitlines()[-1]

    def everything(self) -> set[str]:
        """All that a user of the space can make, by guid."""
        return {each.guid for kind in KINDS for each in every(self.client.transport, f"/v3/{kind}", Resource)}

    def vhosts(self) -> set[str]:
        """Of the marketplace's RabbitMQ."""
        command = ("rabbitmqctl", "--silent", "--no-table-headers", "list_vhosts")
        return set(self.hands.kubectl("-n", "services", "exec", "rabbitmq", "--", *command).split())

    def _command(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tests.foundation", "--cluster", str(self._folder), *words],
            cwd=ROOT, capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()


@dataclass
class Site:
    """The stack of one Pulumi configuration. `before`: what the foundation held without it."""

    foundation: Foundation
    stack: Stack
    config: dict[str, Any]
    folder: Path
    before: set[str] = field(default_factory=set)
    token: str = ""

    def __post_init__(self) -> None:
        self.name: str = self.config["app"]
        self.before = self.foundation.everything()

    def up(self, *options: str, **changes: Any) -> str:
        """`pulumi up` with `changes` over the configuration."""
        self.stack.configure({**self.config, **changes})
        said = self.stack.run("up", "--yes", *options)
        self.token = self.stack.outputs()["token"]
        return said

    @cached_property
    def url(self) -> str:
        return self.published()

    def published(self) -> str:
        """The stack's route is the one that this machine leads to."""
        return self.foundation.publish(f"{self.name}.{DOMAIN}")

    @property
    def where(self) -> Where:
        return Where(self.url, self.token)

    def front(self) -> FrontEnd:
        front = FrontEnd(self.url)
        front.headers["Authorization"] = f"Bearer {self.token}"
        return front

    def ready(self) -> None:
        self.published()
        wait_until(self.front().is_ready, "the front end", 120)

    @property
    def app(self) -> str:
        """Its guid."""
        client = self.foundation.client
        found = client.apps.find(client.here.guid, self.name)
        assert found, f"there is no app {self.name}"
        return found.guid

    def variables(self) -> dict[str, str]:
        return self.foundation.client.apps.environment(self.app)

    def instances(self, kind: str) -> list[Instance]:
        processes = self.foundation.client.processes
        return processes.stats(processes.get(self.app, kind).guid)

    def droplet(self) -> str:
        current = self.foundation.client.staging.current(self.app)
        assert current
        return current.guid

    def end_instance(self, kind: str, index: int = 0) -> None:
        processes = self.foundation.client.processes
        processes.end_instance(processes.get(self.app, kind).guid, index)
