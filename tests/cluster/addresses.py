"""Addresses inside the cluster. None of them is to be seen from the machine."""

from pathlib import Path

NODE = "10.0.2.100"  # what slirp4netns gives to the card that leads out; all nodes share one network
MACHINE = "10.0.2.2"  # this machine's loopback, where pods may reach it
NAMESERVER = "10.0.2.3"  # slirp4netns answers there, with what this machine resolves
SHORT = Path("/run/warren")  # the cluster's folder, as its own programs may call it
API_PORT = 6443
PODS = "10.244.0.0/16"
SERVICES = "10.96.0.0/16"
API = "10.96.0.1"  # Kubernetes takes the first one for itself
DNS = "10.96.0.10"
DOMAIN = "cluster.local"


def pods_of(number: int) -> dict[str, str]:
    """The part of PODS of the first, second, … node, as CNI's host-local wants it."""
    return {"subnet": PODS, "rangeStart": f"10.244.{number}.2", "rangeEnd": f"10.244.{number}.254"}


def kubelet_port(number: int) -> int:
    return 10250 + 100 * (number - 1)
