"""A cluster with the stack on it, made as a user makes it.

pytest tests/kubernetes_proofs               a cluster of its own, `pulumi up`, then every proof
pytest tests/kubernetes_proofs --as-it-is    in the cluster that is up: make cluster-up WITH=keda,cluster-operator,
                                             metrics,policies ARGS='--nodes 2'; what is deployed is left there
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from ..cluster import stack as images_of
from ..cluster.checks import check_machine
from ..cluster.commands import Commands
from ..cluster.errors import ClusterError
from ..cluster.state import DEFAULT_FOLDER, ROOT, Cluster
from . import plain
from .site import Counts, Site, everything

EXTRAS = "keda,cluster-operator,metrics,policies"
NAMESPACE = "warren-proofs"
# Quicker than anybody would have it, so that a test need not wait.
QUICK = {"polling": 2, "cooldown": 5, "stabilization": 5}
LARGEST = 3  # pods of the pool `io`
CONFIG: dict[str, Any] = {
    "contract": {"broker": {"nodes": 3, "replicas": 3}},
    "workers": {
        "fast": {"replicas": 2},
        "io": {"scaling": {"kind": "keda", "min": 1, "max": LARGEST, **QUICK}},
        "long": {"replicas": 2},
    },
    "web": {"scaling": {"kind": "hpa", "min": 1, "max": 2}},
    "readyWithin": 240,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    with contextlib.suppress(ValueError):  # the proofs on hosts have it too
        parser.getgroup("proofs").addoption("--as-it-is", action="store_true", help="use the cluster that is up")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes the stack away comes last."""
    items.sort(key=lambda item: bool(item.get_closest_marker("last")))


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of two nodes, with the stack's images; KUBECONFIG and PATH lead to it."""
    try:
        check_machine(ROOT)
    except ClusterError as error:
        pytest.skip(str(error))
    given = request.config.getoption("--as-it-is", False)
    made = Cluster(DEFAULT_FOLDER if given else tmp_path_factory.mktemp("proofs") / "cluster")
    commands = Commands(made.folder)
    before = {name: os.environ.get(name) for name in ("KUBECONFIG", "PATH")}
    try:
        if not given:
            commands("up", "--nodes", "2", "--with", EXTRAS)
        os.environ["KUBECONFIG"] = str(made.kubeconfig)
        os.environ["PATH"] = f"{made.running().kubernetes}/bin{os.pathsep}{before['PATH']}"
        yield made
    finally:
        if not given:
            commands("down")
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> dict[str, Any]:
    """The configuration that names the images that are there."""
    return images_of.load(cluster, print)


@dataclass
class Runs:
    """The first commands on a fresh cluster, and how long each took."""

    empty: set[str]
    preview: Counts = field(default_factory=lambda: Counts(""))
    first: Counts = field(default_factory=lambda: Counts(""))
    second: Counts = field(default_factory=lambda: Counts(""))
    seconds: dict[str, float] = field(default_factory=dict)


@pytest.fixture(scope="session")
def deployed(cluster: Cluster, images: dict[str, Any], pytestconfig: pytest.Config) -> tuple[Site, Runs]:
    """preview, up, up again."""
    stack = images_of.opened(cluster, "proofs", {})
    site = Site(cluster, stack, NAMESPACE, {**CONFIG, **images})
    tell(pytestconfig, f"Pulumi's provider for Kubernetes: {stack.provider}")
    runs = Runs(everything(site))
    stack.configure(site.config)

    def timed(what: str, do: Any) -> Any:
        began = time.monotonic()
        done = do()
        runs.seconds[what] = time.monotonic() - began
        return done

    if pytestconfig.getoption("--as-it-is", False):
        timed("up", site.up)
    else:
        runs.preview = Counts(timed("preview", lambda: stack.run("preview")))
        runs.first = timed("first up", site.up)
        runs.second = timed("second up", site.up)
    tell(pytestconfig, ", ".join(f"{what} {seconds:.0f} s" for what, seconds in runs.seconds.items()))
    return site, runs


def tell(config: pytest.Config, text: str) -> None:
    """Past pytest's capture, to who reads the run."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n  {text}")


@pytest.fixture
def runs(deployed: tuple[Site, Runs], request: pytest.FixtureRequest) -> Runs:
    if request.config.getoption("--as-it-is", False):
        pytest.skip("this cluster was not fresh: --as-it-is")
    return deployed[1]


@pytest.fixture
def site(deployed: tuple[Site, Runs]) -> Site:
    """The stack, ready. A test that breaks something mends it."""
    deployed[0].ready()
    return deployed[0]


@pytest.fixture
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print something for who reads the run."""
    return lambda text: tell(pytestconfig, text)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "last: after all others, as it takes the stack away")


@pytest.fixture(scope="module")
def plain_broker(cluster: Cluster, images: dict[str, Any]) -> Iterator[str]:
    """A broker as a tutorial has it, without TLS and with one user; its address."""
    commands = Commands(cluster.folder)
    commands.apply(*plain.broker(images["broker"]["image"]))
    try:
        commands.kubectl(
            "-n", plain.NAMESPACE, "wait", "--for=condition=Ready", "pod", "-l", "app=rabbitmq", "--timeout=120s"
        )
        yield plain.URL
    finally:
        commands.kubectl("delete", "namespace", plain.NAMESPACE)
