"""The cluster is a real one: what it is told to run runs, and can be hurt; and it is gone without a trace."""

import json
import signal
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import psutil
import pytest
import requests

from ..front_end import wait_until
from ..tools.parts import PARTS
from .addresses import MACHINE
from .conftest import PYTHON, Space

HANGS = {"exec": {"command": ["curl", "-s", "--max-time", "1", "http://127.0.0.1:8080/"]}, "periodSeconds": 1}


# First those without the others' cluster: the kernel may not let two of them watch their files.
def test_down_leaves_nothing_and_may_be_said_twice(no_cluster: Any) -> None:
    no_cluster("up")
    for _ in range(2):
        assert "is left" in no_cluster("down")
        assert not no_cluster.folder.exists()
    code, said = no_cluster.try_("status")
    assert code and "make cluster-up" in said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_up_that_was_broken_off_leaves_nothing_after_down(no_cluster: Any, how: signal.Signals) -> None:
    process: subprocess.Popen[str] = no_cluster.start("up")
    wait_until((no_cluster.folder / "pki/admin.crt").exists, "the certificates")
    process.send_signal(how)
    process.communicate(timeout=120)
    assert process.returncode != 0
    assert "is left" in no_cluster("down")


def test_a_part_that_has_ended_is_told(no_cluster: Any) -> None:
    no_cluster("up")
    assert "ENDED" not in no_cluster("status")
    waiting = json.loads((no_cluster.folder / "state.json").read_text())["parts"]["kube-scheduler"]
    psutil.Process(waiting).children()[0].kill()
    wait_until(lambda: "HAS ENDED: kube-scheduler" in no_cluster("status"), "the end")


def test_the_machines_own_network_reaches_the_api(cluster: Any) -> None:
    nodes = cluster.get("nodes")["items"]
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {PARTS["kubernetes"].version}
    assert len(nodes) == 2
    assert (cluster.folder / "kubeconfig").stat().st_mode & 0o777 == 0o600


def test_up_again_leaves_the_cluster_alone(cluster: Any) -> None:
    before = cluster.get("namespace", "kube-system")["metadata"]["uid"]
    assert "is up" in cluster("up", "--nodes", "2")
    assert cluster.get("namespace", "kube-system")["metadata"]["uid"] == before
    code, said = cluster.try_("up", "--nodes", "1")
    assert code and "make cluster-down" in said


def test_pods_find_services_by_name(space: Space) -> None:
    space.serve("page")
    space.run("client", "sleep 600")
    space.ready("page", "client")
    wait_until(lambda: space.ask("client", "page") == "page", "the Service")
    assert space.ask("client", f"page.{space.name}.svc.cluster.local") == "page"


def test_restricted_is_enforced(space: Space) -> None:
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        space.run("root", "sleep 600", securityContext={"runAsNonRoot": False, "runAsUser": 0})


def test_a_service_is_published_on_loopback(cluster: Any, space: Space) -> None:
    space.serve("page")
    space.ready("page")
    url = cluster("publish", f"{space.name}/page")
    wait_until(lambda: answer(url) == "page\n", "the page")
    assert cluster("publish", f"{space.name}/page:80") == url
    code, said = cluster.try_("publish", f"{space.name}/page:81")
    assert code and "it has 80" in said


def answer(url: str) -> str:
    try:
        return requests.get(url, timeout=5).text
    except requests.RequestException:
        return ""


def test_pods_reach_this_machine_when_they_may(space: Space) -> None:
    space.run("client", "sleep 600")
    space.ready("client")
    with ThreadingHTTPServer(("127.0.0.1", 0), Greets) as machine:
        threading.Thread(target=machine.serve_forever, daemon=True).start()
        assert space.ask("client", f"{MACHINE}:{machine.server_port}") == "the machine"
        machine.shutdown()


class Greets(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"the machine")


def test_a_pod_that_is_cut_off_goes_on_alone(cluster: Any, space: Space) -> None:
    space.serve("page")
    space.run("client", "sleep 600")
    space.ready("page", "client")
    wait_until(lambda: space.ask("client", "page") == "page", "the Service")
    cluster("cut", f"{space.name}/page")
    try:
        assert space.ask("client", "page") == ""
        assert "True" in space("get", "pod", "page", "-o", "jsonpath={.status.conditions[?(@.type=='Ready')].status}")
    finally:
        cluster("heal", f"{space.name}/page")
    assert space.ask("client", "page") == "page"
    assert space("get", "pod", "page", "-o", "jsonpath={.status.containerStatuses[0].restartCount}") == "0"


def test_a_process_that_hangs_is_restarted_by_its_probe(cluster: Any, space: Space) -> None:
    # Without tini the server is the container's first process.
    serve = ["python3", "-m", "http.server", "8080", "--directory", "/etc"]
    space.run("page", "", container={"command": serve, "livenessProbe": HANGS, "startupProbe": HANGS})
    space.ready("page")
    cluster("signal", "STOP", f"{space.name}/page")
    count = "jsonpath={.status.containerStatuses[0].restartCount}"
    wait_until(lambda: space("get", "pod", "page", "-o", count) == "1", "the restart", 60)


def test_a_container_that_takes_too_much_memory_is_killed(space: Space) -> None:
    limited = {"resources": {"limits": {"memory": "32Mi"}}}
    space.run("greedy", "exec python3 -c 'b = bytes(range(256)) * 1000000'", container=limited, restartPolicy="Never")
    path = "jsonpath={.status.containerStatuses[0].state.terminated.exitCode}"
    wait_until(lambda: space("get", "pod", "greedy", "-o", path) == "137", "the kill", 60)


def test_a_volume_belongs_to_who_is_no_root_and_is_empty_for_the_next(cluster: Any, space: Space) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "namespace": space.name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    mounted = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
    volume = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    for name in ("first", "second"):
        space.cluster.apply(claim)
        # It must not find what the one before it wrote.
        write = 'test -z "$(ls /data)" && echo mine >/data/note && sleep 600'
        space.run(name, write, container=mounted, volumes=volume, securityContext={"fsGroup": 1000})
        space.ready(name)
        bound = space("get", "pvc", "data", "-o", "jsonpath={.spec.volumeName}")
        assert (cluster.folder / "volumes" / bound / "note").read_text() == "mine\n"
        space("delete", f"pod/{name}", "pvc/data")
        cluster.kubectl("wait", f"pv/{bound}", "--for=jsonpath={.status.phase}=Available", "--timeout=30s")
        assert not (cluster.folder / "volumes" / bound / "note").exists()


def test_a_drained_node_respects_the_budget_and_takes_pods_again(cluster: Any, space: Space) -> None:
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "only"}}}
    metadata = {"name": "only", "namespace": space.name}
    cluster.apply({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec})
    space.deploy("only", "sleep 600")
    space("rollout", "status", "deployment/only", "--timeout=90s")
    node = space("get", "pods", "-o", "jsonpath={.items[0].spec.nodeName}")
    try:
        code, said = cluster.try_("drain", node, "--timeout", "8s")
        assert code and "disruption budget" in said
        # The other node takes a second pod; then the first may go.
        space("scale", "deployment/only", "--replicas=2")
        space("rollout", "status", "deployment/only", "--timeout=90s")
        assert "drained" in cluster("drain", node)
        assert node not in space("get", "pods", "--field-selector=status.phase=Running", "-o", "wide")
    finally:
        cluster("undrain", node)
    assert "SchedulingDisabled" not in cluster.kubectl("get", "nodes")


def test_network_policies_are_enforced_by_the_stand_in(cluster: Any, space: Space) -> None:
    space.serve("page")
    space.run("friend", "sleep 600", labels={"may": "yes"})
    space.run("stranger", "sleep 600")
    space.ready("page", "friend", "stranger")
    wait_until(lambda: space.ask("stranger", "page") == "page", "the Service")
    friends = [{"from": [{"podSelector": {"matchLabels": {"may": "yes"}}}], "ports": [{"port": "web"}]}]
    spec = {"podSelector": {"matchLabels": {"app": "page"}}, "policyTypes": ["Ingress"], "ingress": friends}
    metadata = {"name": "friends", "namespace": space.name}
    cluster.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
    wait_until(lambda: space.ask("stranger", "page") == "", "the policy")
    assert space.ask("friend", "page") == "page"
    # And outwards: nothing but names.
    names = {"ports": [{"port": 53, "protocol": "UDP"}], "to": [{"namespaceSelector": {}}]}
    spec = {"podSelector": {"matchLabels": {"app": "friend"}}, "policyTypes": ["Egress"], "egress": [names]}
    metadata = {"name": "silent", "namespace": space.name}
    cluster.apply({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata, "spec": spec})
    wait_until(lambda: space.ask("friend", "page") == "", "the policy")
    assert "page." in space("exec", "friend", "--", "getent", "hosts", "page")
    space("delete", "networkpolicy", "--all")
    wait_until(lambda: space.ask("stranger", "page") == "page", "the end of the policies")


def test_there_are_metrics_to_scale_by(cluster: Any, space: Space) -> None:
    space.run("busy", "while :; do :; done", container={"resources": {"limits": {"cpu": "100m"}}})
    space.ready("busy")
    wait_until(lambda: cluster.try_("kubectl", "-n", space.name, "top", "pod", "busy")[0] == 0, "the metrics", 90)


def test_what_cannot_be_is_refused_with_what_there_is(cluster: Any, tmp_path: Any) -> None:
    noise = tmp_path / "noise.tar"
    noise.write_bytes(b"noise")
    for words, reason in (
        (("up", "--with", "kedda"), "there are keda, cluster-operator"),
        (("image", "load", str(noise)), "is not an image"),
        (("cut", "default/nobody"), '"nobody" not found'),
        (("publish", "default/nobody"), '"nobody" not found'),
        (("publish", "a/b/c"), "say NAMESPACE/NAME"),
    ):
        code, said = cluster.try_(*words)
        assert code and reason in said
    assert PYTHON in cluster("image", "list")
