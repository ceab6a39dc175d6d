"""What the program says about configuration that cannot work, keeps secret, and changes when one thing changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kubernetes.capture import PROGRAM, SECRET, SIGNATURE, declared
from tests.kubernetes.conftest import CLUSTER_GROUPS, IMAGE
from tests.kubernetes.rules import Manifest, judge

Render = Callable[..., list[Manifest]]

WRONG: list[tuple[dict[str, Any], str]] = [
    ({"colour": "red"}, "warren:colour: not a setting Warren knows"),
    ({"image": "registry/warren:latest"}, "may be another image tomorrow"),
    ({"image": "registry:5000/warren"}, "may be another image tomorrow"),
    ({"workers": {"slow": {}}}, "stack.yml has no such pool; it has fast, io, long"),
    ({"workers": {"fast": {"replicas": "two"}}}, "warren:workers.fast.replicas"),
    ({"workers": {"fast": {"replicas": 40}}}, "40 pods × prefetch 64 = 2560 messages in hand"),
    ({"workers": {"fast": {"scaling": {"kind": "keda", "messages": 5}}}}, "less than the pool's prefetch (64)"),
    ({"workers": {"fast": {"scaling": {"kind": "keda", "min": 5, "max": 2}}}}, "min (5) is more than max (2)"),
    ({"workers": {"fast": {"scaling": {"kind": "hpa", "min": 0}}}}, "an HPA cannot scale to 0"),
    ({"broker": {"kind": "external"}}, "an external broker needs its address"),
    ({"broker": {"uri": "amqp://x"}}, "are for kind: external"),
    ({"broker": {"image": "registry/rabbit:stable"}}, "does not say which RabbitMQ it is"),
    ({"results": {"kind": "external"}}, "`url` belongs to kind: external"),
    ({"contract": {"broker": {"nodes": 2}}}, "2 is even"),
    ({"contract": {"broker": {"nodes": 3}}, "broker": {"image": "rabbit:3.10"}}, "does not give queues members"),
    ({"contract": {"broker": {"replicas": 3}}}, "3 replicas do not fit on 1 node(s)"),
    ({"contract": {"stop": {"timeout": "60s"}}}, "stop.timeout"),
    ({"contract": {"pools": {"long": {"kind": "solo"}}}}, "with warren:contract over it: pools.long"),
    ({"stackFile": "nowhere.yml"}, "nowhere.yml"),
    ({"web": {"ingress": {"host": "a"}, "gateway": {"name": "g", "namespace": "n", "host": "a"}}}, "choose one"),
]


@pytest.mark.parametrize(("config", "says"), WRONG, ids=[says for _, says in WRONG])
def test_what_cannot_work_is_refused_with_the_key(render: Render, config: dict[str, Any], says: str) -> None:
    from components.settings import ConfigError

    with pytest.raises(ConfigError) as caught:
        render(**config)
    assert says in str(caught.value)


LACKING: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"workers": {"io": {"scaling": {"kind": "keda"}}}}, {}, "lacks KEDA, and workers.io are to be scaled by it"),
    ({"broker": {"kind": "operator"}}, {}, "lacks the RabbitMQ Cluster Operator"),
    ({"web": {"gateway": {"name": "g", "namespace": "n", "host": "a"}}}, {}, "lacks the Gateway API"),
    ({"monitors": "on"}, {}, "lacks the Prometheus Operator"),
    ({}, {"version": (1, 28)}, "Kubernetes 1.28 is too old"),
    ({}, {"namespace_exists": True}, "is there already and was not made by us"),
    ({}, {"namespace_exists": True, "owner": "other"}, "belongs to 'other'"),
    ({}, {"namespace_exists": True, "owner": "test", "namespace_goes": True}, "is being deleted"),
    ({"createNamespace": False}, {}, "there is no namespace 'warren'"),
    ({}, {"default_storage": False}, "no default StorageClass"),
    (
        {"broker": {"storage": {"storageClass": "fast"}}},
        {"storage_classes": frozenset({"slow"})},
        "there is no StorageClass 'fast'; the cluster has slow",
    ),
]


@pytest.mark.parametrize(("config", "cluster", "says"), LACKING, ids=[says for *_, says in LACKING])
def test_what_the_cluster_lacks_is_said_before_anything_is_changed(
    config: dict[str, Any], cluster: dict[str, Any], says: str
) -> None:
    import preflight
    from components.settings import ConfigError, read

    settings = read({f"warren:{key}": value for key, value in config.items()})
    known = preflight.Cluster(**{"version": (1, 34), "groups": frozenset(), **cluster})
    with pytest.raises(ConfigError) as caught:
        preflight.judge(settings, known, "test")
    assert says in str(caught.value)


def test_our_own_namespace_is_no_stranger() -> None:
    import preflight
    from components.settings import read

    ours = preflight.Cluster((1, 34), CLUSTER_GROUPS, namespace_exists=True, owner="test")
    preflight.judge(read({}), ours, "test")


def test_no_cluster_at_all_is_said_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import preflight
    from components.settings import ConfigError, read

    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ConfigError, match="Set KUBECONFIG"):
        preflight.look(read({}), {"kubeconfig": str(tmp_path / "none")})
    nobody = {
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
        "current-context": "c",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(nobody))
    with pytest.raises(ConfigError, match=r"no Kubernetes answers at http://127\.0\.0\.1:9"):
        preflight.look(read({}), {"kubeconfig": str(tmp_path / "config")})
    with pytest.raises(ConfigError, match="get-contexts"):
        preflight.look(read({}), {"kubeconfig": str(tmp_path / "config"), "context": "other"})


@pytest.mark.parametrize("name", ["laptop", "production"])
def test_the_examples_are_ones_that_work(render: Render, contract: Any, name: str) -> None:
    text = (PROGRAM / f"Pulumi.{name}.yaml").read_text()
    config = {key.removeprefix("warren:"): value for key, value in yaml.safe_load(text)["config"].items()}
    assert judge(render(**config), contract) == {}


def test_nothing_secret_is_declared_in_the_open() -> None:
    import contract as merged
    import preflight
    import program
    from components.settings import read

    settings = read({"warren:image": IMAGE, "warren:workers": {"fast": {"scaling": {"kind": "keda"}}}})
    judged = merged.load(settings, PROGRAM)
    cluster = preflight.Cluster((1, 34), CLUSTER_GROUPS)
    kept = declared(lambda: program.deploy(settings, judged, cluster, "test"))
    held = [(typ, name) for typ, name, inputs in kept.raw if "password of" in json.dumps(_open(inputs))]
    assert held == []
    # The mock's passwords are there, or this test would see nothing.
    assert any("password of" in json.dumps(inputs) for _, _, inputs in kept.raw)


def _open(value: Any) -> Any:
    """What is not encrypted."""
    if isinstance(value, dict):
        return None if value.get(SIGNATURE) == SECRET else {key: _open(each) for key, each in value.items()}
    return [_open(each) for each in value] if isinstance(value, list) else value


def changed(before: list[Manifest], after: list[Manifest]) -> set[str]:
    """Kind/name of what differs. ConfigMaps and Secrets get new names with new content; those show in who uses them."""

    def key(manifest: Manifest) -> str:
        return f"{manifest['kind']}/{manifest['metadata']['name']}"

    old, new = {key(m): m for m in before}, {key(m): m for m in after}
    return {each for each in old.keys() | new.keys() if old.get(each) != new.get(each)}


def test_a_change_changes_what_it_is_about(render: Render) -> None:
    before = render()
    assert changed(before, render()) == set()
    assert changed(before, render(workers={"io": {"replicas": 5}})) == {"Deployment/worker-io"}
    assert changed(before, render(flower={"resources": {"cpu": "1", "memory": "1Gi"}})) == {"Deployment/flower"}
    # What all read is changed: under mocks it keeps its name, with Pulumi it gets a new one, and they all roll.
    assert changed(before, render(contract={"web": {"threads": 40}})) == {"ConfigMap/stack-00000000"}
    # The broker's configuration and policies follow from the contract.
    assert changed(before, render(contract={"broker": {"delivery_limit": 7}})) == {
        "ConfigMap/stack-00000000",
        "Secret/broker-definitions-00000000",
    }


def test_brokers_copy_streams_to_each_other_and_nobody_else_gets_there(render: Render) -> None:
    policies = {m["metadata"]["name"]: m["spec"] for m in render() if m["kind"] == "NetworkPolicy"}
    streams = {"port": 6000, "endPort": 6500, "protocol": "TCP"}
    reach = [name for name, spec in policies.items() for rule in spec.get("ingress", []) if streams in rule["ports"]]
    assert reach == ["broker-nodes"]


def test_what_hangs_is_not_given_the_grace_of_what_works(render: Render) -> None:
    worker = next(m for m in render() if m["kind"] == "Deployment" and m["metadata"]["name"] == "worker-long")
    pod = worker["spec"]["template"]["spec"]
    assert pod["containers"][0]["livenessProbe"]["terminationGracePeriodSeconds"] < pod["terminationGracePeriodSeconds"]


def test_how_long_an_update_may_take_is_a_setting(render: Render) -> None:
    web = next(m for m in render(readyWithin=42) if m["kind"] == "Deployment" and m["metadata"]["name"] == "web")
    assert web["spec"]["progressDeadlineSeconds"] == 42
