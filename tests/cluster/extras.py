"""Parts that a cluster has when asked: operators and servers of metrics, as programs beside the pods."""

import base64
import sys
from collections.abc import Callable

import yaml

from ..tools.build import ensure as compiled
from ..tools.build import folder_of
from . import addresses, images
from .errors import ClusterError
from .kubectl import Kubectl, manifest
from .parts import Parts
from .state import Cluster

Say = Callable[[str], None]
BROKER = "rabbitmq"


def serve(parts: Parts, kubectl: Kubectl, api: str, service: str, port: int) -> None:
    """Hand an API of the cluster to the program that listens there. `service`: name.namespace."""
    group, version = api.split("/")
    name, namespace = service.split(".")
    authority = base64.b64encode((parts.cluster.pki / "ca.crt").read_bytes()).decode()
    kubectl.apply(
        manifest(
            "api-service", GROUP=group, VERSION=version, SERVICE=name, NAMESPACE=namespace, PORT=str(port),
            NODE=addresses.NODE, AUTHORITY=authority,
        )
    )  # fmt: skip

    def available() -> bool:
        conditions = kubectl.get("apiservice", f"{version}.{group}").get("status", {}).get("conditions", [])
        return any(each["type"] == "Available" and each["status"] == "True" for each in conditions)

    parts.until(f"the API {api}", available)


def crds(kubectl: Kubectl, part: str) -> None:
    files = sorted((folder_of(part) / "crds").glob("*.yaml"))
    kubectl.apply("\n---\n".join(file.read_text() for file in files))
    names = [yaml.safe_load(file.read_text())["metadata"]["name"] for file in files]
    kubectl("wait", "--for=condition=Established", "--timeout=60s", *(f"crd/{name}" for name in names))


def namespace(kubectl: Kubectl, name: str) -> None:
    kubectl.apply_all([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}])


def keda(parts: Parts, kubectl: Kubectl) -> None:
    """Operator and adapter, with ports that do not collide: they share the node's network."""
    cluster, programs = parts.cluster, folder_of("keda") / "bin"
    crds(kubectl, "keda")
    namespace(kubectl, "keda")
    metrics, port = 9666, 16443
    certificates = cluster.folder / "keda"
    certificates.mkdir(exist_ok=True)
    for ours, name in (("ca.crt", "ca.crt"), ("extra.crt", "tls.crt"), ("extra.key", "tls.key")):
        (certificates / name).write_bytes((cluster.pki / ours).read_bytes())
    access = str(cluster.pki / "admin.kubeconfig")
    about = {"KUBECONFIG": access, "POD_NAMESPACE": "keda", "WATCH_NAMESPACE": "", "TMPDIR": str(certificates)}
    parts.start(
        "keda-operator", str(programs / "keda-operator"), "--metrics-bind-address=:18090",
        "--health-probe-bind-address=127.0.0.1:18091", f"--metrics-service-bind-address=:{metrics}",
        f"--cert-dir={certificates}", "--zap-log-level=info", "--zap-encoder=console",
        environment={**about, "KEDA_CLUSTER_OBJECT_NAMESPACE": "keda"},
    )  # fmt: skip
    parts.start(
        "keda-adapter", str(programs / "keda-adapter"), f"--secure-port={port}", "--port=18092",
        f"--cert-dir={certificates}",
        f"--tls-cert-file={certificates}/tls.crt", f"--tls-private-key-file={certificates}/tls.key",
        f"--metrics-service-address=127.0.0.1:{metrics}",
        *(f"--{prefix}-kubeconfig={access}" for prefix in ("authentication", "authorization", "lister")),
        "--zap-log-level=info", "--zap-encoder=console", environment=about,
    )  # fmt: skip
    serve(parts, kubectl, "external.metrics.k8s.io/v1beta1", "keda-operator-metrics-apiserver.keda", port)


def cluster_operator(parts: Parts, kubectl: Kubectl) -> None:
    """RabbitMQ's, with an image for its brokers."""
    for node in parts.state.nodes:
        images.load(parts.state, node, images.ensure(BROKER, print))
    crds(kubectl, "cluster-operator")
    namespace(kubectl, "rabbitmq-system")
    parts.start(
        "cluster-operator", str(folder_of("cluster-operator") / "bin/cluster-operator"),
        "--metrics-bind-address=0", "--health-probe-bind-address=127.0.0.1:18081",
        environment={
            "KUBECONFIG": str(parts.cluster.pki / "admin.kubeconfig"),
            "OPERATOR_NAMESPACE": "rabbitmq-system",
            "DEFAULT_RABBITMQ_IMAGE": images.RECIPES[BROKER].reference,
        },
    )  # fmt: skip


def metrics(parts: Parts, kubectl: Kubectl) -> None:
    """What a HorizontalPodAutoscaler on CPU or memory reads, and `kubectl top`."""
    cluster, port = parts.cluster, 16444
    access = str(cluster.pki / "admin.kubeconfig")
    parts.start(
        "metrics-server", str(folder_of("metrics-server") / "bin/metrics-server"), f"--secure-port={port}",
        f"--tls-cert-file={cluster.pki}/extra.crt", f"--tls-private-key-file={cluster.pki}/extra.key",
        f"--kubelet-certificate-authority={cluster.pki}/ca.crt", "--kubelet-preferred-address-types=InternalIP",
        "--kubelet-use-node-status-port", "--metric-resolution=10s", "--kubelet-request-timeout=5s",
        *(f"--{prefix}kubeconfig={access}" for prefix in ("", "authentication-", "authorization-")),
    )  # fmt: skip
    serve(parts, kubectl, "metrics.k8s.io/v1beta1", "metrics-server.kube-system", port)


def policies(parts: Parts, kubectl: Kubectl) -> None:
    """Network policies, enforced by a small program of ours: a stand-in for what a network plugin does."""
    parts.start("policies", sys.executable, "-m", "tests.cluster.policies", str(parts.cluster.folder))


EXTRAS: dict[str, Callable[[Parts, Kubectl], None]] = {
    "keda": keda,
    "cluster-operator": cluster_operator,
    "metrics": metrics,
    "policies": policies,
}
COMPILED = {"keda": "keda", "cluster-operator": "cluster-operator", "metrics": "metrics-server"}


def check(wanted: list[str]) -> None:
    unknown = [name for name in wanted if name not in EXTRAS]
    if unknown:
        raise ClusterError(f"no such extra: {', '.join(unknown)}; there are {', '.join(EXTRAS)}")


def prepare(wanted: list[str], say: Say) -> None:
    for name in wanted:
        if name in COMPILED:
            compiled(COMPILED[name], say)
    if "cluster-operator" in wanted:
        images.ensure(BROKER, say)


def start(cluster: Cluster, wanted: list[str], say: Say) -> None:
    """Those that are not there yet."""
    state = cluster.running()
    kubectl = Kubectl(cluster)
    for name in wanted:
        if name not in state.extras:
            EXTRAS[name](Parts(cluster, state), kubectl)
            state.extras.append(name)
            cluster.save(state)
            say(f"{name} runs")
