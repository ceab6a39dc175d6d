"""What the pods of a stack are and run on, for a result's manifest."""

import contextlib
import json
from pathlib import Path
from typing import Any

from loadtests.hosts.facts import MACHINE
from loadtests.kubernetes.deployment import BROKERS, component, pods
from loadtests.kubernetes.kubectl import Kubectl, KubectlError

_HERE = Path("/proc/sys/kernel/random/boot_id")
_UNITS = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def pod_facts(kubectl: Kubectl) -> dict[str, dict[str, Any]]:
    """By pod: its node's machine, as far as we may look at nodes. Raises KubectlError."""
    try:
        nodes = {node["metadata"]["name"]: node["status"] for node in kubectl.get("nodes")["items"]}
    except KubectlError:  # who may use a namespace may not look beyond it
        nodes = {}
    here = _HERE.read_text().strip() if _HERE.exists() else None
    found = {}
    for name, pod in pods(kubectl).items():
        node = pod["spec"]["nodeName"]
        facts: dict[str, Any] = {"groups": [component(pod), node], MACHINE: node, "cores": 0}
        if status := nodes.get(node):
            about = status["nodeInfo"]
            facts |= {
                "system": about["osImage"],
                "cores": int(status["capacity"]["cpu"]),
                "memory": _bytes(status["capacity"]["memory"]),
                MACHINE: about["bootID"],
                "kubernetes": about["kubeletVersion"],
                "here": about["bootID"] == here,
            }
        found[name] = facts
    return found


def broker_facts(kubectl: Kubectl) -> dict[str, str] | None:
    """Of the first broker pod; None when none is in the namespace, or it does not say."""
    with contextlib.suppress(KubectlError, ValueError):
        for pod in pods(kubectl, BROKERS):
            said = json.loads(kubectl("exec", pod, "--", "rabbitmqctl", "-q", "status", "--formatter", "json"))
            return {
                "product": said.get("product_name") or "RabbitMQ",
                "version": said.get("rabbitmq_version"),
                "erlang": str(said.get("erlang_version", "")).removeprefix("Erlang/OTP ").split(" ")[0],
            }
    return None


def _bytes(quantity: str) -> int:
    unit = quantity[-2:]
    return int(quantity[:-2]) * _UNITS[unit] if unit in _UNITS else int(quantity)
