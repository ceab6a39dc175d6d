"""The program run under Pulumi's mocks: no CLI, no plugin, no cluster, its manifests captured as they would be sent."""

import copy
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.kubernetes.capture import PROGRAM, Manifest, capture

CLUSTER_GROUPS = frozenset(
    {"keda.sh/v1alpha1", "rabbitmq.com/v1beta1", "gateway.networking.k8s.io/v1", "monitoring.coreos.com/v1"}
)
IMAGE = "registry.example/warren:1.2.3"


@pytest.fixture(autouse=True, scope="session")
def program_on_path() -> Iterator[None]:
    """As for `pulumi up`, whose programs run in their own folder."""
    sys.path.insert(0, str(PROGRAM))
    yield
    sys.path.remove(str(PROGRAM))


@pytest.fixture(scope="session")
def render() -> Callable[..., list[Manifest]]:
    """Render the stack with some configuration, as Pulumi.<stack>.yaml has it. What is returned is the caller's own."""
    kept: dict[str, list[Manifest]] = {}

    def run(**config: Any) -> list[Manifest]:
        key = json.dumps(config, sort_keys=True)
        if key not in kept:
            kept[key] = fresh(**config)
        return copy.deepcopy(kept[key])

    def fresh(**config: Any) -> list[Manifest]:
        import contract
        import preflight
        import program
        from components.settings import read

        settings = read({f"warren:{key}": value for key, value in {"image": IMAGE, **config}.items()})
        judged = contract.load(settings, PROGRAM)
        cluster = preflight.Cluster((1, 34), CLUSTER_GROUPS)
        return capture(lambda: program.deploy(settings, judged, cluster, "test"))

    return run
