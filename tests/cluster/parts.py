"""The programs a cluster is made of, and how each is started."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import requests

from . import addresses, cgroup, settings
from .api import plain_session
from .errors import ClusterError
from .ground import inside, tail
from .runc import capable
from .state import ROOT, Cluster, State

READY_WITHIN = 90.0  # seconds
# Only what starts a process has to be rewritten; the rest, which is most, need not wait for an interpreter.
SCRIPT = """#!/bin/sh
case " $* " in
*" create "* | *" exec "*) exec '{python}' -IS '{program}' "$@" ;;
esac
exec runc "$@"
"""


class Parts:
    """Starts them, and notices when one has ended that should not."""

    def __init__(self, cluster: Cluster, state: State) -> None:
        self.cluster, self.state = cluster, state
        self.started: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str, environment: dict[str, str] | None = None) -> None:
        """Goes on when this command has ended; `down` ends it."""
        log = self.cluster.log(name)
        variables = [f"{key}={value}" for key, value in (environment or {}).items()]
        with log.open("ab") as output:
            self.started[name] = subprocess.Popen(
                [*cgroup.inside(self.cluster.id, self.state.cgroup), *inside(self.state), "env", *variables, *command],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, cwd=ROOT,
            )  # fmt: skip
        self.state.parts[name] = self.started[name].pid
        self.cluster.save(self.state)

    def kubernetes(self, name: str, *options: str) -> None:
        """One of its own programs."""
        self.start(name, f"{self.state.kubernetes}/bin/{name}", *options)

    def until(self, what: str, ready: Callable[[], bool], within: float = READY_WITHIN) -> None:
        """Raises ClusterError with the log of the part that ended, or after `within` seconds."""
        deadline = time.monotonic() + within
        while not ready():
            for name, process in self.started.items():
                if process.poll() is not None:
                    raise ClusterError(f"{name} has ended ({process.returncode}):\n{tail(self.cluster.log(name))}")
            if time.monotonic() > deadline:
                logs = self.cluster.log("*")
                raise ClusterError(f"{what}: not within {within:.0f} s; see {logs}")
            time.sleep(0.1)


def ended(state: State) -> list[str]:
    """Parts that should run and do not."""

    def waits(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/comm").read_text().strip() == "nsenter"
        except OSError:
            return False

    return [name for name, pid in state.parts.items() if not waits(pid)]


def start_store(parts: Parts) -> None:
    """etcd. A throw-away cluster need not survive a crash of the machine."""
    parts.start(
        "etcd", "etcd", f"--data-dir={parts.cluster.folder / 'etcd'}", "--unsafe-no-fsync", "--logger=zap",
        "--listen-client-urls=http://127.0.0.1:2379", "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
    )  # fmt: skip


def start_api(parts: Parts) -> None:
    pki = parts.cluster.pki
    parts.kubernetes(
        "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--bind-address=0.0.0.0",
        f"--advertise-address={addresses.NODE}", f"--secure-port={addresses.API_PORT}",
        f"--service-cluster-ip-range={addresses.SERVICES}",
        f"--tls-cert-file={pki}/apiserver.crt", f"--tls-private-key-file={pki}/apiserver.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--service-account-key-file={pki}/accounts.pub", f"--service-account-signing-key-file={pki}/accounts.key",
        f"--service-account-issuer=https://kubernetes.default.svc.{addresses.DOMAIN}",
        "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
        "--kubelet-preferred-address-types=InternalIP", f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/apiserver-kubelet.crt",
        f"--kubelet-client-key={pki}/apiserver-kubelet.key",
        # For APIs that others serve: metrics, and KEDA's.
        f"--requestheader-client-ca-file={pki}/front-ca.crt", "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-", "--enable-aggregator-routing=true",
        f"--proxy-client-cert-file={pki}/front.crt", f"--proxy-client-key-file={pki}/front.key",
        "--allow-privileged=true", "--profiling=false",
    )  # fmt: skip


def api_ready(cluster: Cluster, state: State) -> bool:
    try:
        with plain_session() as session:
            return session.get(f"{state.server}/readyz", verify=str(cluster.pki / "ca.crt"), timeout=5).ok
    except requests.RequestException:
        return False


def start_controllers(parts: Parts) -> None:
    """Not before the API is ready: they would find no rights and end."""
    pki = parts.cluster.pki

    def access(user: str) -> list[str]:
        file = pki / f"{user}.kubeconfig"
        return [f"--{prefix}kubeconfig={file}" for prefix in ("", "authentication-", "authorization-")]

    parts.kubernetes(
        "kube-controller-manager", *access("controller-manager"), "--bind-address=127.0.0.1", "--leader-elect=false",
        "--use-service-account-credentials", f"--service-account-private-key-file={pki}/accounts.key",
        f"--root-ca-file={pki}/ca.crt", f"--cluster-signing-cert-file={pki}/ca.crt",
        f"--cluster-signing-key-file={pki}/ca.key",
        f"--flex-volume-plugin-dir={parts.cluster.folder / 'plugins'}",  # or it makes a folder on the machine
    )  # fmt: skip
    parts.kubernetes("kube-scheduler", *access("scheduler"), "--bind-address=127.0.0.1", "--leader-elect=false")
    config = settings.write(parts.cluster.folder / "proxy.json", settings.proxy(parts.cluster, parts.state))
    parts.kubernetes("kube-proxy", f"--config={config}")
    parts.start("volumes", sys.executable, "-m", "tests.cluster.volumes", str(parts.cluster.folder))


def start_containers(parts: Parts, node: str, number: int) -> None:
    """containerd and the network of a node's pods."""
    cluster, folder = parts.cluster, parts.cluster.node(node)
    runc = "runc"
    if not capable():
        file = settings.write(
            folder / "runc", SCRIPT.format(python=sys.executable, program=ROOT / "tests/cluster/runc.py")
        )
        file.chmod(0o755)
        runc = str(file)
    settings.write(folder / "cni/10-warren.conflist", settings.network(cluster, node, number))
    config = settings.write(folder / "containerd.toml", settings.containerd(cluster, node, runc))
    parts.start(f"containerd-{node}", "containerd", f"--config={config}")


def start_kubelet(parts: Parts, node: str, number: int) -> None:
    cluster, state = parts.cluster, parts.state
    limits = cgroup.of_pods(cluster.id, state.cgroup, node)
    config = settings.write(cluster.node(node) / "kubelet.json", settings.kubelet(cluster, state, node, number, limits))
    (cluster.node(node) / "logs").mkdir()
    data = addresses.SHORT / cluster.node(node).relative_to(cluster.folder) / "kubelet"
    parts.start(
        f"kubelet-{node}", f"{state.kubernetes}/bin/kubelet", f"--config={config}",
        f"--kubeconfig={cluster.pki / f'{node}.kubeconfig'}", f"--hostname-override={node}",
        f"--node-ip={addresses.NODE}", f"--root-dir={data}",
    )  # fmt: skip
