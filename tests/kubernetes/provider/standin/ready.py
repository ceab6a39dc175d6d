"""When an object is what it was to become, and what stands in its way."""

from collections.abc import Callable
from typing import Any

from .api import ApiError, Cluster, Manifest

Answer = tuple[bool, str]


class Failed(Exception):
    """It will not get ready any more."""


def check(live: Manifest, cluster: Cluster, before: Manifest | None = None) -> Answer:
    """Whether it is ready, and if not, how far it is. `before`: as it was until its update. Raises Failed."""
    judge = _JUDGES.get((live["apiVersion"], live["kind"]))
    if not judge:
        return True, ""
    if _gave_up(live) and not _leftover(live, before):
        raise Failed(_condition(live, "Progressing").get("message", "it does not progress"))
    return judge(live, cluster)


def _gave_up(live: Manifest) -> bool:
    """Whether its Deployment controller did, after progressDeadlineSeconds."""
    return _seen(live) and _condition(live, "Progressing").get("reason") == "ProgressDeadlineExceeded"


def _leftover(live: Manifest, before: Manifest | None) -> bool:
    """Whether what the controller says is still about the update before: it stands there until new pods come up."""
    if before is None or before["metadata"].get("generation") == live["metadata"].get("generation"):
        return False
    return _condition(before, "Progressing") == _condition(live, "Progressing")


def troubles(live: Manifest, cluster: Cluster) -> list[str]:
    """What its pods say: an image that is not there, a container that ends again and again, no room on any node."""
    selector = live.get("spec", {}).get("selector", {}).get("matchLabels")
    if not selector or live["kind"] not in ("Deployment", "StatefulSet", "DaemonSet"):
        return []
    labels = ",".join(f"{key}={value}" for key, value in selector.items())
    found: dict[str, None] = {}
    try:
        pods = cluster.list("v1", "Pod", live["metadata"]["namespace"], labels)
    except ApiError:
        return []
    for pod in pods:
        name, status = pod["metadata"]["name"], pod.get("status", {})
        scheduled = _condition(pod, "PodScheduled")
        if scheduled.get("status") == "False":
            found[f"pod {name}: {scheduled.get('message', scheduled.get('reason'))}"] = None
        for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
            waiting = container.get("state", {}).get("waiting", {})
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                text = waiting.get("message") or waiting["reason"]
                found[f"pod {name}, container {container['name']}: {waiting['reason']}: {text}"] = None
            elif container.get("restartCount") and not container.get("ready"):
                found[f"pod {name}, container {container['name']}: restarted {container['restartCount']} times"] = None
    failure = _condition(live, "ReplicaFailure")  # such as a quota that is used up
    if failure.get("status") == "True":
        found[failure.get("message", "")] = None
    return list(found)


def _condition(manifest: Manifest, kind: str) -> dict[str, Any]:
    conditions = manifest.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def _seen(manifest: Manifest) -> bool:
    """Whether its controller has looked at what is wanted now."""
    return manifest.get("status", {}).get("observedGeneration", 0) >= manifest["metadata"].get("generation", 0)


def _deployment(live: Manifest, _: Cluster) -> Answer:
    want, status = live["spec"].get("replicas", 1), live.get("status", {})
    have = [status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas")]
    return _seen(live) and have == [want] * 3, f"{have[2]} of {want} pods available, {have[0]} of the newest revision"


def _stateful_set(live: Manifest, _: Cluster) -> Answer:
    want, status = live["spec"].get("replicas", 1), live.get("status", {})
    same = status.get("currentRevision") == status.get("updateRevision")
    ready = status.get("readyReplicas", 0)
    return _seen(live) and same and status.get("replicas", 0) == ready == want, f"{ready} of {want} pods ready"


def _daemon_set(live: Manifest, _: Cluster) -> Answer:
    status = live.get("status", {})
    want, have = status.get("desiredNumberScheduled", 0), status.get("numberAvailable", 0)
    return _seen(live) and status.get("updatedNumberScheduled", 0) == have == want, f"{have} of {want} pods available"


def _pod(live: Manifest, _: Cluster) -> Answer:
    phase = live.get("status", {}).get("phase")
    if phase == "Failed":
        raise Failed("the pod failed")
    return phase == "Succeeded" or _condition(live, "Ready").get("status") == "True", f"phase {phase}"


def _job(live: Manifest, _: Cluster) -> Answer:
    failed = _condition(live, "Failed")
    if failed.get("status") == "True":
        raise Failed(failed.get("message", "the job failed"))
    return _condition(live, "Complete").get("status") == "True", "not complete"


def _service(live: Manifest, cluster: Cluster) -> Answer:
    spec, metadata = live["spec"], live["metadata"]
    if spec.get("type") == "LoadBalancer" and not live.get("status", {}).get("loadBalancer", {}).get("ingress"):
        return False, "it has no address yet: is there a load balancer in this cluster?"
    if spec.get("type") == "ExternalName" or spec.get("clusterIP") == "None" or not spec.get("selector"):
        return True, ""
    label = f"kubernetes.io/service-name={metadata['name']}"
    slices = cluster.list("discovery.k8s.io/v1", "EndpointSlice", metadata["namespace"], label)
    endpoints = [endpoint for each in slices for endpoint in each.get("endpoints") or []]
    return any((e.get("conditions") or {}).get("ready") for e in endpoints), "no pod behind it is ready"


def _claim(live: Manifest, cluster: Cluster) -> Answer:
    if live.get("status", {}).get("phase") == "Bound":
        return True, ""
    name = live["spec"].get("storageClassName")
    wanted = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    found = cluster.get(wanted) if name else None
    # Such a volume comes when a pod wants it.
    return bool(found and found.get("volumeBindingMode") == "WaitForFirstConsumer"), "no volume yet"


_JUDGES: dict[tuple[str, str], Callable[[Manifest, Cluster], Answer]] = {
    ("apps/v1", "Deployment"): _deployment,
    ("apps/v1", "StatefulSet"): _stateful_set,
    ("apps/v1", "DaemonSet"): _daemon_set,
    ("v1", "Pod"): _pod,
    ("batch/v1", "Job"): _job,
    ("v1", "Service"): _service,
    ("v1", "PersistentVolumeClaim"): _claim,
}
