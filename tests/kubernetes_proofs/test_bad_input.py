"""What cannot work is refused with the cure before anything is changed; what fails on the way, another `up` heals."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from ..kubernetes.pulumi_stack import PulumiFailed
from .site import restarts

WEB = "**kubernetes:apps/v1:Deployment::web"
SOON = 10  # seconds, the least that may be said
NOBODY = {
    "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {}}],
    "current-context": "c",
}
# More of these, without a cluster: tests/kubernetes/test_program.py.
REFUSED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("no cluster", {"kubernetes:kubeconfig": "FILE"}, ["no Kubernetes answers", "kubernetes:context"]),
    ("wrong context", {"kubernetes:context": "nowhere"}, ["nowhere", "kubectl config get-contexts"]),
    ("no monitors", {"monitors": "on"}, ["Prometheus Operator", "set monitors to auto"]),
    ("contract that cannot work", {"contract": {"stop": {"timeout": "10s"}}}, ["stop", "timeout"]),
    ("namespace of others", {"namespace": "default"}, ["was not made by us", "createNamespace false"]),
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


# An autoscaler that takes pods away in the middle of a stuck update may take the one that serves.
FIXED = {"scaling": {"kind": "fixed"}, "replicas": 1}


def fails(site: Any, **changes: Any) -> str:
    """An update of the front end that does not get ready."""
    web = {**FIXED, **changes.pop("web", {})}
    try:
        site.up("--target", WEB, **{**changes, "web": web, "readyWithin": SOON})
    except PulumiFailed as failure:
        return str(failure)
    raise AssertionError("the update went well")


def test_what_never_gets_ready_is_said_with_the_reason_and_another_up_heals(site: Any) -> None:
    site.up(web=FIXED)
    others = {name: how for name, how in restarts(site.pods()).items() if not name.startswith("web-")}
    said = fails(site, image="localhost/warren:nothing")
    assert "localhost/warren:nothing" in said and "ImagePull" in said, said[-3000:]
    said = fails(site, web={"resources": {"cpu": "1000", "memory": "512Mi"}})
    assert "Insufficient cpu" in said, said[-3000:]
    quota = {"name": "small", "namespace": site.namespace}
    hard = {"pods": str(len(others) + 1)}  # room for one pod of the front end, and an update wants another
    site.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": quota, "spec": {"hard": hard}})
    try:
        said = fails(site, web={"resources": {"cpu": "60m", "memory": "512Mi"}})
    finally:
        site.kubectl("delete", "resourcequota", "small")
    assert "exceeded quota" in said, said[-3000:]
    assert site.front().is_ready(), "what ran before does not serve any more"
    taken(site)
    # Of one `up` all is as it should be again; what was never concerned was left alone.
    site.up()
    site.wait_for("deployment/web")
    assert site.front().get("/queues").ok
    assert not site.kubectl("get", "ingress", "--output=name").strip()
    after = restarts(site.pods())
    assert {name: after.get(name) for name in others} == others


def taken(site: Any) -> None:
    """A name that exists and is not ours: left alone. Once it is free, we have an Ingress with TLS."""
    backend = {"service": {"name": "other", "port": {"number": 80}}}
    rules = [{"http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]
    metadata = {"name": "web", "namespace": site.namespace, "labels": {"owner": "somebody"}}
    ingress = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": {"rules": rules}}
    site.apply(ingress)
    wanted = {"web": {"ingress": {"host": "warren.example", "tls": {"secret": "warren-tls"}}}}
    said = site.fails("up", **wanted)
    assert "already exists" in said and "web" in said, said[-3000:]
    assert site.kubectl.get("ingress", "web")["metadata"]["labels"] == {"owner": "somebody"}
    site.kubectl("delete", "ingress", "web")
    site.up(**wanted)
    assert site.kubectl.get("ingress", "web")["spec"]["tls"][0]["secretName"] == "warren-tls"
