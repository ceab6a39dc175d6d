"""A cluster of the tests' own, beside whatever cluster the checkout has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .commands import Commands
from .errors import ClusterError
from .holder import SETTINGS
from .images import RECIPES
from .state import ROOT

EXTRAS = "metrics,policies"
PYTHON = RECIPES["python"].reference


@pytest.fixture(scope="session", autouse=True)
def able() -> None:
    """Only where a cluster can be made; elsewhere the reason says what to do."""
    from .checks import check_machine

    try:
        check_machine(ROOT)
    except ClusterError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """A cluster of two nodes that is up, with an image to run."""
    made = Commands(tmp_path_factory.mktemp("cluster") / "cluster")
    made("up", "--nodes", "2", "--with", EXTRAS, "--reach-machine")
    try:
        made("image", "load", made("image", "build", "python").splitlines()[-1])
        yield made
    finally:
        made("down")


@pytest.fixture
def no_cluster(tmp_path: Path) -> Iterator[Commands]:
    """One that is not up yet."""
    made = Commands(tmp_path / "cluster")
    yield made
    made("down")


# What a kubelet, its containers' runtime and its network write to on a machine they have to themselves.
USUAL_PLACES = (
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/var/log/pods",
    "/var/log/containers",
    "/run/containerd-node1.sock",
)


@pytest.fixture(autouse=True)
def machine_untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The machine's own settings, mounts and folders stay what they were. Others may be at work on it."""

    def seen() -> list[str]:
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        ours = [line for line in mounts if str(tmp_path_factory.getbasetemp()) in line]
        places = [place for place in USUAL_PLACES if Path(place).exists()]
        return [*ours, *places, *((Path("/proc/sys") / name).read_text() for name in SETTINGS)]

    before = seen()
    yield
    assert seen() == before


@dataclass
class Space:
    """A namespace of one test, of the strictest kind."""

    cluster: Commands
    name: str

    def __call__(self, *words: str, text: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.name, *words, text=text)

    def run(self, name: str, command: str, **pod: Any) -> None:
        """A pod with one container, labelled with its name. `pod`: `container`, `labels`, and of its own spec."""
        self.cluster.apply({"apiVersion": "v1", "kind": "Pod", **self._pod(name, command, **pod)})

    def deploy(self, name: str, command: str, **pod: Any) -> None:
        """A Deployment of one such pod."""
        template = self._pod(name, command, **pod)
        metadata = {"name": name, "namespace": self.name}
        spec = {"selector": {"matchLabels": {"app": name}}, "template": template}
        self.cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec})

    def _pod(self, name: str, command: str, **pod: Any) -> dict[str, Any]:
        own = pod.pop("container", {})
        labels = {"app": name, **pod.pop("labels", {})}
        container = {
            "name": "main",
            "image": PYTHON,
            "command": ["tini", "--", "sh", "-c", command],
            "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
            **own,
        }
        careful = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
        spec = {
            "containers": [container],
            "securityContext": {**careful, **pod.pop("securityContext", {})},
            "terminationGracePeriodSeconds": 1,
            **pod,
        }
        return {"metadata": {"name": name, "namespace": self.name, "labels": labels}, "spec": spec}

    def ready(self, *pods: str) -> None:
        self("wait", "--for=condition=Ready", "--timeout=90s", *(f"pod/{pod}" for pod in pods))

    def serve(self, name: str, **pod: Any) -> None:
        """A pod that answers HTTP on port 8080 with its name, behind a Service of that name on port 80."""
        page = f"mkdir /tmp/page && cd /tmp/page && echo {name} >index.html && exec python3 -m http.server 8080"
        probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
        ports = [{"name": "web", "containerPort": 8080}]
        self.run(name, page, container={"readinessProbe": probe, "ports": ports}, **pod)
        spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": "web"}]}
        metadata = {"name": name, "namespace": self.name}
        self.cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})

    def ask(self, client: str, address: str) -> str:
        """What a pod gets there; nothing when it gets no answer in time."""
        code, said = self.cluster.try_(
            "kubectl", "-n", self.name, "exec", client, "--", "curl", "-s", "--max-time", "2", f"http://{address}/"
        )
        return said.strip() if code == 0 else ""


@pytest.fixture
def space(cluster: Commands, request: pytest.FixtureRequest) -> Iterator[Space]:
    name = request.node.name.replace("_", "-")[:50].strip("-")
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": strict}})
    yield Space(cluster, name)
    cluster.kubectl("delete", "namespace", name, "--timeout=90s")
