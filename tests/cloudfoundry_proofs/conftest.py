"""The stack on a real Cloud Foundry API, made as a user makes it.

pytest tests/cloudfoundry_proofs               a cluster and a foundation of its own, `pulumi up`, then every proof
pytest tests/cloudfoundry_proofs --as-it-is    on the foundation that is up (make foundation-up); the stack goes with it
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..cloudfoundry.pulumi_stack import Stack
from ..cluster.checks import check_machine
from ..cluster.commands import Commands
from ..cluster.errors import ClusterError
from ..cluster.state import DEFAULT_FOLDER, ROOT, Cluster
from ..foundation.misbehaving import Proxy, misbehaving
from .site import Foundation, Site

NAME = "proofs"
# In the environment from the beginning, for a test that takes it away.
EXTRA = {"EXTRA": "1"}


def pytest_addoption(parser: pytest.Parser) -> None:
    with contextlib.suppress(ValueError):  # the other proofs have it too
        parser.getgroup("proofs").addoption("--as-it-is", action="store_true", help="use the foundation that is up")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "last: after all others, as it takes the stack away")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes the stack away comes last."""
    items.sort(key=lambda item: bool(item.get_closest_marker("last")))


@pytest.fixture(scope="session")
def foundation(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foundation]:
    """Korifi on a cluster, with a marketplace."""
    try:
        check_machine(ROOT)
    except ClusterError as error:
        pytest.skip(str(error))
    given = request.config.getoption("--as-it-is", False)
    cluster = Cluster(DEFAULT_FOLDER if given else tmp_path_factory.mktemp(NAME) / "cluster")
    hands = Commands(cluster.folder)
    try:
        if not given:
            hands("up", "--with", "metrics")
        yield Foundation(hands, cluster.folder)
    finally:
        if not given:
            hands("down")


@pytest.fixture(scope="session")
def deployed(foundation: Foundation, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Site:
    """`pulumi up` from nothing."""
    config = {
        "app": NAME,
        "broker": {"service": f"{NAME}-rabbitmq", "offering": "rabbitmq", "plan": "small"},
        "results": {"url": foundation.results_url},
        # With one, a release has a gap on Korifi, where an instance goes before another takes its place.
        "web": {"instances": 2},
        "environment": EXTRA,
    }
    folder = tmp_path_factory.mktemp("pulumi")
    stack = Stack(folder / "stack", NAME, foundation.environment, config)
    site = Site(foundation, stack, config, folder)
    began = time.monotonic()
    site.up()
    tell(pytestconfig, f"from nothing to serving: {time.monotonic() - began:.0f} s")
    return site


@pytest.fixture
def site(deployed: Site) -> Site:
    """The stack, ready. A test that breaks something mends it."""
    deployed.ready()
    return deployed


@pytest.fixture
def proxy(site: Site) -> Iterator[Proxy]:
    """Before the API, for as long as the test takes."""
    there = site.foundation.environment
    with misbehaving(there["CF_API"], there["CF_CA_FILE"]) as proxy:
        site.stack.environment["CF_API"] = proxy.url
        try:
            yield proxy
        finally:
            site.stack.environment["CF_API"] = there["CF_API"]


def tell(config: pytest.Config, text: str) -> None:
    """Past pytest's capture, to who reads the run."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n  {text}")


@pytest.fixture
def say(pytestconfig: pytest.Config) -> Callable[[str], None]:
    """Print something for who reads the run."""
    return lambda text: tell(pytestconfig, text)
