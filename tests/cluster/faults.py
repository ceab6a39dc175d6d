"""What can happen to a pod: its network is gone, its process hangs or dies."""

import json
import signal
from dataclasses import dataclass

from ..lab.programs import run
from . import settings
from .errors import ClusterError
from .ground import inside
from .kubectl import Kubectl, named
from .state import Cluster, State

TABLE = "warren_cut"
# What the node's own programs send still arrives: a kubelet sits beside its pods, whatever happens to their network.
RULES = f"""
table ip {TABLE} {{
  set cut {{ type ipv4_addr; }}
  chain from {{
    type filter hook prerouting priority -400;
    ip saddr @cut fib daddr type != local drop
  }}
  chain to {{
    type filter hook postrouting priority 400;
    ip daddr @cut fib saddr type != local drop
  }}
}}
"""


@dataclass(frozen=True)
class Pod:
    namespace: str
    name: str
    node: str
    address: str
    containers: dict[str, str]  # name to the runtime's id, of those that run

    @property
    def label(self) -> str:
        return f"{self.namespace}/{self.name}"


def find(cluster: Cluster, text: str) -> Pod:
    """Raises unless it runs."""
    namespace, name = named(text)
    found = Kubectl(cluster).get("pod", name, "-n", namespace)
    status = found["status"]
    if status["phase"] != "Running":
        raise ClusterError(f"{namespace}/{name} is {status['phase']}; only a running pod can be hurt")
    running = {
        each["name"]: each["containerID"].partition("://")[2]
        for each in [*status.get("initContainerStatuses", []), *status["containerStatuses"]]
        if "running" in each["state"]
    }
    return Pod(namespace, name, found["spec"]["nodeName"], status["podIP"], running)


def _nft(state: State, text: str) -> str:
    return run([*inside(state, "net"), "nft", "-f", "-"], text=text)


def cut(cluster: Cluster, text: str) -> Pod:
    """Nothing from other pods or beyond reaches it, and nothing it sends arrives; open connections get no goodbye."""
    state, pod = cluster.running(), find(cluster, text)
    try:
        is_cut(state, pod.address)
    except ClusterError:
        _nft(state, RULES)
    _nft(state, f"add element ip {TABLE} cut {{ {pod.address} }}")
    return pod


def heal(cluster: Cluster, text: str) -> Pod:
    state, pod = cluster.running(), find(cluster, text)
    if is_cut(state, pod.address):
        _nft(state, f"delete element ip {TABLE} cut {{ {pod.address} }}")
    return pod


def is_cut(state: State, address: str) -> bool:
    """Raises ClusterError while nothing was ever cut."""
    listed = run([*inside(state, "net"), "nft", "--json", "list", "sets", "ip"])
    for entry in json.loads(listed)["nftables"]:
        if (found := entry.get("set")) and found["table"] == TABLE:
            return address in found.get("elem", [])
    raise ClusterError("nothing was cut")


def send(cluster: Cluster, text: str, name: str, container: str | None) -> tuple[Pod, str]:
    """A signal to the first process of a container; STOP makes it hang, CONT lets it go on, KILL ends it."""
    wanted = getattr(signal, f"SIG{name.upper().removeprefix('SIG')}", None)
    if wanted is None:
        raise ClusterError(f"no such signal: {name}; say STOP, CONT, KILL or TERM")
    state, pod = cluster.running(), find(cluster, text)
    chosen = container or next(iter(pod.containers), "")
    if chosen not in pod.containers:
        raise ClusterError(f"{pod.label} has no running container {chosen}; there are {', '.join(pod.containers)}")
    ctr = ["ctr", f"--address={settings.socket(pod.node)}", "--namespace=k8s.io"]
    run([*inside(state), *ctr, "task", "kill", f"--signal={wanted.name}", pod.containers[chosen]])
    return pod, chosen
