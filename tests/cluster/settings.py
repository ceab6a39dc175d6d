"""What the parts read from files. JSON is YAML, and containerd's TOML is written by hand."""

import json
import resource
from pathlib import Path
from typing import Any

from . import addresses
from .checks import PLUGINS
from .names import PAUSE
from .state import Cluster, State

CNI_VERSION = "0.4.0"


def containerd(cluster: Cluster, node: str, runc: str) -> str:
    folder = cluster.node(node)
    return f"""version = 2
root = "{folder}/containerd"
state = "/run/containerd-{node}"
oom_score = 0
[grpc]
  address = "{socket(node)}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{PLUGINS}"
    conf_dir = "{folder}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "{runc}"
        SystemdCgroup = false
[plugins."io.containerd.internal.v1.opt"]
  path = "{folder}/opt"
"""


def socket(node: str) -> str:
    return f"/run/containerd-{node}.sock"


def network(cluster: Cluster, node: str, number: int) -> str:
    """Each pod has a cable to the node; what leaves the cluster carries the node's address."""
    pods = {
        "type": "host-local",
        "dataDir": str(cluster.node(node) / "addresses"),
        # One subnet for all nodes, or what goes to another node's pods would be taken for leaving.
        "ranges": [[addresses.pods_of(number)]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugins: list[dict[str, Any]] = [
        {"type": "ptp", "ipMasq": True, "mtu": 1500, "ipam": pods},
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": CNI_VERSION, "name": f"warren-{node}", "plugins": plugins}, indent=2)


def kubelet(cluster: Cluster, state: State, node: str, number: int, cgroup: str) -> str:
    certificates, port = cluster.pki, addresses.kubelet_port(number)
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "containerRuntimeEndpoint": f"unix://{socket(node)}",
        "port": port,
        "healthzPort": port - 2,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(certificates / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(certificates / f"{node}.crt"),
        "tlsPrivateKeyFile": str(certificates / f"{node}.key"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "oomScoreAdj": 0,
        "maxOpenFiles": _most_files(),
        "clusterDNS": [addresses.DNS],
        "clusterDomain": addresses.DOMAIN,
        "resolvConf": "",
        "podLogsDir": str(cluster.node(node) / "logs"),
        "volumePluginDir": str(cluster.node(node) / "plugins"),
        # No image can be pulled again, so none is ever cleared away.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "evictionHard": {
            "memory.available": "100Mi",
            "nodefs.available": "1%",
            "imagefs.available": "1%",
            "nodefs.inodesFree": "1%",
        },
    }
    return json.dumps(config, indent=2)


def _most_files() -> int:
    """The kubelet's own value, unless this machine allows less."""
    usual, most = 1_000_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return usual if most == resource.RLIM_INFINITY else min(usual, most)


def proxy(cluster: Cluster, state: State) -> str:
    config = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(cluster.pki / "proxy.kubeconfig")},
        "mode": "iptables",
        "clusterCIDR": addresses.PODS,
        "hostnameOverride": state.nodes[0],
        "oomScoreAdj": 0,
        "healthzBindAddress": "127.0.0.1:10256",
        "metricsBindAddress": "127.0.0.1:10249",
        # The machine's own connection tracking stays as it is.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    return json.dumps(config, indent=2)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
