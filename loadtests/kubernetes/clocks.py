"""How a cluster's nodes are asked for the time: in one pod of ours on each, since all pods of a node have its clock."""

from loadtests.analysis.stages import Stamper
from loadtests.clocks.ask import PROGRAM, Way
from loadtests.kubernetes.facts import pod_facts
from loadtests.kubernetes.kubectl import Kubectl, KubectlError

STAMPING: dict[str, Stamper] = {"web": "web", "worker": "worker"}  # by component; these have a Python


def ways(kubectl: Kubectl) -> list[Way]:
    """One for each node with such pods; empty when the cluster does not answer."""
    try:
        pods = pod_facts(kubectl)
    except KubectlError:
        return []
    found: dict[str, Way] = {}
    for name, facts in sorted(pods.items()):
        component, node = facts["groups"]
        if component in STAMPING:
            before = found[node].stamps if node in found else ()
            command = kubectl.command("exec", "--stdin", "--quiet", name, "--", "python", "-c", PROGRAM)
            stamps = tuple({*before, STAMPING[component]})
            found[node] = Way(node, tuple(command), "kubectl exec", bool(facts.get("here")), stamps)
    return list(found.values())
