"""The stack on a real Cloud Foundry API, made as a user makes it.

pytest tests/cloudfoundry_proofs               a cluster and a foundation of its own, `pulumi up`, then every proof
pytest tests/cloudfoundry_proofs --as-it-is    on the foundation that is up (make foundation-up); the stack goes with it
"""

import contextlib
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..cloudfoundry.pulumi_stack import Stack
from ..cluster.checks import check_machine
from ..cluster.commands import Commands
from ..cluster.errors import ClusterError
from ..cluster.state import DEFAULT_FOLDER, ROOT, Cluster
from ..front_end import FrontEnd

NAME = "proofs"
HOST = f"{NAME}.apps.foundation.test"


def pytest_addoption(parser: pytest.Parser) -> None:
    with contextlib.suppress(ValueError):  # the other proofs have it too
        parser.getgroup("proofs").addoption("--as-it-is", action="store_true", help="use the foundation that is up")


@dataclass
class Foundation:
    """One that is up. `environment`: what `source` would set."""

    folder: Path
    environment: dict[str, str]
    results_url: str

    def publish(self, route: str) -> str:
        """The URL of this machine for a route."""
        return command(self.folder, "publish", route).splitlines()[-1]


def command(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.foundation", "--cluster", str(folder), *words],
        cwd=ROOT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def foundation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foundation]:
    """Korifi on a cluster, with a marketplace."""
    try:
        check_machine(ROOT)
    except ClusterError as error:
        pytest.skip(str(error))
    given = request.config.getoption("--as-it-is", False)
    cluster = Cluster(DEFAULT_FOLDER if given else tmp_path_factory.mktemp(NAME) / "cluster")
    commands = Commands(cluster.folder)
    try:
        if not given:
            commands("up")
        said = command(cluster.folder, "up")
        lines = (cluster.folder / "foundation/environment").read_text().splitlines()
        pairs = (shlex.split(line)[1].partition("=") for line in lines)
        results = next(line.partition("results: ")[2] for line in said.splitlines() if "results: " in line)
        yield Foundation(cluster.folder, {name: value for name, _, value in pairs}, results)
    finally:
        if not given:
            commands("down")


@dataclass
class Site:
    """The deployed stack."""

    foundation: Foundation
    stack: Stack
    url: str

    def front(self) -> FrontEnd:
        front = FrontEnd(self.url)
        front.headers["Authorization"] = f"Bearer {self.stack.outputs()['token']}"
        return front


@pytest.fixture(scope="session")
def site(foundation: Foundation, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """`pulumi up` from nothing."""
    config = {
        "app": NAME,
        "broker": {"service": f"{NAME}-rabbitmq", "offering": "rabbitmq", "plan": "small"},
        "results": {"url": foundation.results_url},
    }
    stack = Stack(tmp_path_factory.mktemp("pulumi") / "stack", NAME, foundation.environment, config)
    stack.run("up", "--yes")
    return Site(foundation, stack, foundation.publish(HOST))
