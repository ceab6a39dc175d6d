"""A pod of the stack: Pod Security Standard `restricted`, files for secrets, nothing writable but what must be."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.common import BINDINGS, SECRETS, Common, Credentials
from components.settings import Placement, Resources

# Of the image that `make image` makes.
USER = 10001
STACK = "/etc/warren/stack"
HEARTBEAT = "/run/warren/heartbeat"
METRICS_PORT = 9100
# Seconds in which load balancers and kube-proxies learn that a pod goes, before it is told to stop.
LINGER = 5
# Seconds that a process gets which gives no sign of life any more.
HUNG_GRACE = 10


@dataclass(frozen=True)
class Process:
    """One process of the app in a pod of its own: `python -m app <arguments>`.

    `grace`: seconds from SIGTERM to SIGKILL.
    """

    component: str
    arguments: Sequence[str]
    probes: Mapping[str, Any]
    resources: Resources
    placement: Placement
    grace: float
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    lifecycle: Mapping[str, Any] | None = None


def app_pod(common: Common, process: Process, credentials: Credentials) -> dict[str, Any]:
    """The pod template of a process."""
    environment = {
        "STACK_FILE": f"{STACK}/stack.yml",
        "WARREN_DATA_DIR": "/var/lib/warren",
        "HOME": "/tmp",  # noqa: S108 - its own, of the pod
        **credentials.environment,
        **process.environment,
    }
    mounts = [
        {"name": "stack", "mountPath": STACK, "readOnly": True},
        {"name": "secrets", "mountPath": SECRETS, "readOnly": True},
        {"name": "data", "mountPath": "/var/lib/warren"},
        {"name": "run", "mountPath": "/run/warren"},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
    ]
    volumes: list[dict[str, Any]] = [
        {"name": "stack", "configMap": {"name": common.stack_config}},
        # For the group, which is ours alone.
        {"name": "secrets", "secret": {"secretName": credentials.secret, "defaultMode": 0o440}},
        {"name": "data", "emptyDir": {}},
        {"name": "run", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if credentials.binding:
        mounts.append({"name": "binding", "mountPath": f"{BINDINGS}/broker", "readOnly": True})
        volumes.append({"name": "binding", "secret": {"secretName": credentials.binding, "defaultMode": 0o440}})
    container = {
        "name": process.component,
        "image": common.image,
        "imagePullPolicy": common.image_pull_policy,
        "args": list(process.arguments),
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "ports": [{"name": key, "containerPort": port, "protocol": "TCP"} for key, port in process.ports.items()],
        "resources": resources(process.resources),
        "securityContext": container_security(),
        "volumeMounts": mounts,
        **process.probes,
        **({"lifecycle": dict(process.lifecycle)} if process.lifecycle else {}),
    }
    labels = common.labels(process.component, **process.labels)
    return {
        "metadata": {"labels": labels},
        "spec": {
            **pod_spec(common, process.placement, USER, common.selector(process.component) | dict(process.labels)),
            # Nothing of ours is process 1, so SIGTERM ends it also before it has set up its own handling of it.
            "shareProcessNamespace": True,
            "terminationGracePeriodSeconds": math.ceil(process.grace),
            "containers": [container],
            "volumes": volumes,
        },
    }


def pod_spec(common: Common, placement: Placement, user: int, selector: Mapping[str, str]) -> dict[str, Any]:
    """What every pod has, ours or the broker's."""
    own: dict[str, Any] = {
        "serviceAccountName": common.service_account,
        "automountServiceAccountToken": False,
        # Or a Service called `flower` or `rabbitmq` would set FLOWER_PORT or RABBITMQ_… to `tcp://…`.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "DoNotSchedule" if placement.spread == "require" else "ScheduleAnyway",
                "labelSelector": {"matchLabels": dict(selector)},
                # Or an update would spread the new pods with the old ones in mind, which are about to go.
                "matchLabelKeys": ["pod-template-hash"],
            }
        ],
    }
    if common.image_pull_secrets:
        own["imagePullSecrets"] = [{"name": name} for name in common.image_pull_secrets]
    if placement.priority_class:
        own["priorityClassName"] = placement.priority_class
    if placement.node_selector:
        own["nodeSelector"] = placement.node_selector
    if placement.tolerations:
        own["tolerations"] = placement.tolerations
    return own


def container_security() -> dict[str, Any]:
    """What `restricted` asks for, and a root file system that cannot be written."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def resources(wanted: Resources) -> dict[str, Any]:
    """No CPU limit unless asked for: it slows down a pod beside idle processors."""
    limits = {"memory": wanted.memory} | ({"cpu": wanted.cpu_limit} if wanted.cpu_limit else {})
    return {"requests": {"cpu": wanted.cpu, "memory": wanted.memory}, "limits": limits}


def heartbeat_probes(max_age: int) -> dict[str, Any]:
    """For processes without HTTP. None of these asks the broker: a restart would not bring it back.

    `max_age`: seconds without a sign of life that are still fine. Ready is who has reached the broker once, so that a
    rolling update stops at a worker that cannot; losing the broker later changes nothing. A probe is a new process in
    the pod, most of its cost being the container runtime's, so they are no more frequent than they have to be.
    """

    def alive(*more: str) -> dict[str, Any]:
        return {"exec": {"command": ["python", "-m", "app", "alive", "--max-age", str(max_age), *more]}}

    return {
        "startupProbe": {**alive(), "periodSeconds": 3, "timeoutSeconds": 20, "failureThreshold": 40},
        "livenessProbe": {
            **alive(),
            "periodSeconds": 15,
            "timeoutSeconds": 20,
            "failureThreshold": 3,
            # What hangs finishes nothing, so it does not get the grace of who is told to stop.
            "terminationGracePeriodSeconds": HUNG_GRACE,
        },
        "readinessProbe": {**alive("--ready"), "periodSeconds": 10, "timeoutSeconds": 20, "failureThreshold": 3},
    }


def disruption_budget(selector: Mapping[str, str], always: bool = True) -> dict[str, Any]:
    """One at a time. `always`: a pod that is not ready may go at any time, so that it cannot block a node's drain."""
    policy = {"unhealthyPodEvictionPolicy": "AlwaysAllow"} if always else {}
    return {"maxUnavailable": 1, "selector": {"matchLabels": dict(selector)}, **policy}
