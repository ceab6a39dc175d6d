"""A Service on this machine's loopback."""

import subprocess
import sys

from . import cgroup
from .errors import ClusterError
from .ground import inside, listen
from .kubectl import Kubectl, named
from .state import ROOT, Cluster


def publish(cluster: Cluster, what: str, port: int) -> str:
    """The address at which NAMESPACE/SERVICE:PORT now answers; the same when it is asked for again."""
    name, _, wanted = what.partition(":")
    namespace, service = named(name)
    spec = Kubectl(cluster).get("service", service, "-n", namespace)["spec"]
    ports = {str(each["port"]): each["port"] for each in spec["ports"]}
    ports |= {each["name"]: each["port"] for each in spec["ports"] if each.get("name")}
    chosen = ports.get(wanted or str(spec["ports"][0]["port"]))
    if chosen is None:
        raise ClusterError(f"{namespace}/{service} has no port {wanted}; it has {', '.join(ports)}")
    if spec.get("clusterIP") in (None, "", "None"):
        raise ClusterError(f"{namespace}/{service} is headless and has no address to publish")
    target = f"{spec['clusterIP']}:{chosen}"
    # A Service that was made anew has another address, so the address is part of what is known.
    return forwarded(cluster, f"{namespace}/{service} {target}", target, port)


def forwarded(cluster: Cluster, known: str, target: str, port: int = 0) -> str:
    """The address on loopback that leads to `target` inside. `known`: by what it is found again."""
    state = cluster.running()
    if known not in state.published:
        forward = [sys.executable, "-m", "tests.cluster.forward"]
        listening, address = listen(port)
        with listening, cluster.log("publish").open("ab") as log:
            subprocess.Popen(
                [*cgroup.inside(cluster.id, state.cgroup), *inside(state), *forward, str(listening.fileno()), target],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd=ROOT,
                pass_fds=[listening.fileno()],
            )  # fmt: skip
        state.published[known] = address
        cluster.save(state)
    return state.published[known]
