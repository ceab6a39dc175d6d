"""Restarting parts of a deployment, as an operator would by hand: pods are deleted, and others take their place."""

import time

from loadtests.kubernetes.deployment import BROKERS, WEB, WORKERS, is_ready, pods
from loadtests.kubernetes.kubectl import Kubectl, KubectlError

PARTS = {"worker": WORKERS, "web": WEB, "broker": BROKERS}
# Seconds. A worker may finish its task first; a broker waits for its neighbours.
PATIENCE = 300.0


def restart(kubectl: Kubectl, part: str) -> None:
    """All pods of a part: brokers one after the other, as a majority has to stay. Raises KubectlError."""
    before = pods(kubectl, PARTS[part])
    if not before:
        raise KubectlError(f"the namespace {kubectl.namespace} has no pod of {part}")
    for names in [[name] for name in before] if part == "broker" else [list(before)]:
        kubectl.delete_pods(names, PATIENCE)
        _until_ready(kubectl, part, {pod["metadata"]["uid"] for name, pod in before.items() if name in names})


def _until_ready(kubectl: Kubectl, part: str, gone: set[str]) -> None:
    """As many as are wanted are ready, and none of those that were deleted is left."""
    wanted = _wanted(kubectl, part)
    deadline = time.monotonic() + PATIENCE
    while True:
        now = pods(kubectl, PARTS[part]).values()
        if sum(is_ready(pod) for pod in now) >= wanted and not gone & {pod["metadata"]["uid"] for pod in now}:
            return
        if time.monotonic() > deadline:
            raise KubectlError(f"not {wanted} pods of {part} were ready again within {PATIENCE:.0f} s")
        time.sleep(0.5)


def _wanted(kubectl: Kubectl, part: str) -> int:
    kind = "statefulsets" if part == "broker" else "deployments"
    return sum(each["spec"]["replicas"] for each in kubectl.items(kind, PARTS[part]))
