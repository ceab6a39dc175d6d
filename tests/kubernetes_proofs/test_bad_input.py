"""What cannot work is refused with the cure before anything is changed; what fails on the way, another `up` heals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .site import restarts

WEB = "**kubernetes:apps/v1:Deployment::web"
SOON = 20  # seconds
NOBODY = {
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {}}],
    "current-context": "c",
}
GATEWAY = {"web": {"gateway": {"name": "g", "namespace": "n", "host": "warren.example"}}}
REFUSED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("no cluster", {"kubernetes:kubeconfig": "FILE"}, ["no Kubernetes answers", "kubernetes:context"]),
    ("wrong context", {"kubernetes:context": "nowhere"}, ["nowhere", "kubectl config get-contexts"]),
    ("no monitors", {"monitors": "on"}, ["Prometheus Operator", "set monitors to auto"]),
    ("no gateway", GATEWAY, ["Gateway API", "set web.ingress instead"]),
    ("no storage class", {"results": {"storage": {"storageClass": "gold"}}}, ["gold", "standard"]),
    ("contract that cannot work", {"contract": {"stop": {"timeout": "10s"}}}, ["stop", "timeout"]),
    ("even cluster", {"contract": {"broker": {"nodes": 2, "replicas": 1}}}, ["even", "odd number"]),
    ("namespace of others", {"namespace": "default"}, ["was not made by us", "createNamespace false"]),
    ("misspelt", {"worker": {}}, ["warren:worker", "spelling"]),
]


@pytest.mark.parametrize(("config", "words"), [(c, w) for _, c, w in REFUSED], ids=[name for name, *_ in REFUSED])
def test_refused_with_the_cure_before_anything_is_changed(
    site: Any, tmp_path: Path, config: dict[str, Any], words: list[str]
) -> None:
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(NOBODY))
    config = {key: str(tmp_path / "kubeconfig") if value == "FILE" else value for key, value in config.items()}
    before = site.kubectl("get", "all,configmaps,secrets", "--output=name")
    said = site.fails("up", **config)
    assert all(word in said for word in words), said[-3000:]
    assert "Traceback" not in said
    assert site.kubectl("get", "all,configmaps,secrets", "--output=name") == before


@pytest.fixture
def healed(site: Any) -> Iterator[None]:
    """After a failed update the front end still answers, and the next `up` puts all right."""
    before = restarts(site.pods())
    yield
    assert site.front().is_ready()
    site.up()
    site.wait_for("deployment/web")
    assert site.front().get("/queues").ok
    after = restarts(site.pods())
    others = {name for name in before if not name.startswith("web-")}
    assert {name: after.get(name) for name in others} == {name: before[name] for name in others}


def fails(site: Any, **changes: Any) -> str:
    """An update of the front end that does not get ready."""
    web = {"scaling": {"kind": "fixed"}, "replicas": 1, **changes.pop("web", {})}
    changes = {**changes, "web": web, "readyWithin": SOON}
    try:
        site.up("--target", WEB, **changes)
    except Exception as failure:
        return str(failure)
    raise AssertionError("the update went well")


@pytest.mark.usefixtures("healed")
def test_an_image_that_is_not_there(site: Any) -> None:
    said = fails(site, image="localhost/warren:nothing")
    assert "localhost/warren:nothing" in said and "ImagePull" in said, said[-3000:]


@pytest.mark.usefixtures("healed")
def test_no_room_on_any_node(site: Any) -> None:
    said = fails(site, web={"resources": {"cpu": "1000", "memory": "512Mi"}})
    assert "Insufficient cpu" in said, said[-3000:]


@pytest.mark.usefixtures("healed")
def test_a_quota_that_is_used_up(site: Any) -> None:
    metadata = {"name": "small", "namespace": site.namespace}
    count = str(len(site.pods()))
    site.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"pods": count}}})
    try:
        said = fails(site, web={"resources": {"cpu": "60m", "memory": "512Mi"}})
    finally:
        site.kubectl("delete", "resourcequota", "small")
    assert "exceeded quota" in said, said[-3000:]


def test_a_name_that_exists_and_is_not_ours(site: Any) -> None:
    """And an Ingress with TLS, once the name is free."""
    backend = {"service": {"name": "other", "port": {"number": 80}}}
    rules = [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    metadata = {"name": "web", "namespace": site.namespace, "labels": {"owner": "somebody"}}
    site.apply(
        {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": {"rules": rules}}
    )
    wanted = {"web": {"ingress": {"host": "warren.example", "tls": {"secret": "warren-tls"}}}}
    said = site.fails("up", **wanted)
    assert "already exists" in said and "web" in said, said[-3000:]
    assert site.kubectl.get("ingress", "web")["metadata"]["labels"] == {"owner": "somebody"}
    site.kubectl("delete", "ingress", "web")
    site.up(**wanted)
    assert site.kubectl.get("ingress", "web")["spec"]["tls"][0]["secretName"] == "warren-tls"
    site.up()
    assert not site.kubectl("get", "ingress", "--output=name").strip()
