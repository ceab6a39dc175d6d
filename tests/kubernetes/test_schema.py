"""The manifests are ones that Kubernetes knows: against the published schemas of each version that is supported."""

import json
from collections.abc import Callable

import kubernetes_validate
import pytest

from tests.kubernetes.rules import Manifest
from tests.kubernetes.test_rules import STACKS

VERSIONS = ("1.31", "1.32", "1.33", "1.34", "1.35", "1.36")
# Whose definitions are not Kubernetes' own.
FOREIGN = ("keda.sh/", "rabbitmq.com/", "gateway.networking.k8s.io/", "monitoring.coreos.com/")


@pytest.fixture(scope="module")
def manifests(render: Callable[..., list[Manifest]]) -> list[Manifest]:
    """Of all stacks, each different one once."""
    rendered = [manifest for stack in STACKS.values() for manifest in render(**stack)]
    ours = [manifest for manifest in rendered if not manifest["apiVersion"].startswith(FOREIGN)]
    return list({json.dumps(manifest, sort_keys=True): manifest for manifest in ours}.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_them(manifests: list[Manifest], version: str) -> None:
    assert len(manifests) > 50
    for manifest in manifests:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_misspelt_field_is_refused(render: Callable[..., list[Manifest]]) -> None:
    web = next(m for m in render() if m["kind"] == "Deployment" and m["metadata"]["name"] == "web")
    web["spec"]["template"]["spec"]["enableServiceLink"] = False
    with pytest.raises(kubernetes_validate.ValidationError, match="enableServiceLink"):
        kubernetes_validate.validate(web, VERSIONS[0], strict=True)
