"""How many pods: a fixed number, or an autoscaler that decides. A deployment then says nothing about it itself."""

from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.autoscaling.v2 import HorizontalPodAutoscaler
from pulumi_kubernetes.core.v1 import Secret

from components.common import BrokerAccess, Common
from components.settings import Scaling


def replicas(scaling: Scaling, fixed: int) -> dict[str, int]:
    """The deployment's own say."""
    return {"replicas": fixed} if scaling.kind == "fixed" else {}


def by_cpu(name: str, common: Common, component: str, scaling: Scaling, child: pulumi.ResourceOptions) -> None:
    """An HPA for the deployment of that name."""
    HorizontalPodAutoscaler(
        name,
        metadata=common.metadata(name, component),
        spec={
            "scaleTargetRef": _target(name),
            "minReplicas": scaling.min,
            "maxReplicas": scaling.max,
            "metrics": [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": scaling.cpu}},
                }
            ],
            "behavior": _behavior(scaling),
        },
        opts=child,
    )


def by_queues(
    name: str,
    common: Common,
    scaling: Scaling,
    broker: BrokerAccess,
    queues: list[str],
    messages: int,
    child: pulumi.ResourceOptions,
) -> None:
    """A ScaledObject of KEDA's. By the broker's HTTP API, which counts what workers have in hand as well: a pool whose
    last tasks still run does not look idle."""
    if broker.management is None:
        raise ValueError(
            "KEDA asks the broker's HTTP API for the length of queues; "
            "set it: pulumi config set --secret --path 'warren:broker.managementUri' https://user:password@host/vhost"
        )
    files = {"host": broker.management, **({"ca": broker.ca, "tls": "enable"} if broker.ca is not None else {})}
    secret = Secret(f"{name}-keda", metadata=common.metadata(None, "worker"), string_data=files, opts=child)
    refer = secret.metadata["name"]
    login = CustomResource(
        f"{name}-keda",
        api_version="keda.sh/v1alpha1",
        kind="TriggerAuthentication",
        metadata=common.metadata(name, "worker"),
        spec={"secretTargetRef": [{"parameter": key, "name": refer, "key": key} for key in files]},
        opts=child,
    )
    trigger = {"protocol": "http", "mode": "QueueLength", "value": str(messages)}
    CustomResource(
        name,
        api_version="keda.sh/v1alpha1",
        kind="ScaledObject",
        metadata=common.metadata(name, "worker"),
        spec={
            "scaleTargetRef": _target(name),
            "pollingInterval": scaling.polling,
            "cooldownPeriod": scaling.cooldown,
            "minReplicaCount": scaling.min,
            "maxReplicaCount": scaling.max,
            "advanced": {"horizontalPodAutoscalerConfig": {"behavior": _behavior(scaling)}},
            "triggers": [
                {
                    "type": "rabbitmq",
                    "metadata": {**trigger, "queueName": queue},
                    "authenticationRef": {"name": login.metadata["name"]},
                }
                for queue in queues
            ],
        },
        opts=child,
    )


def _target(name: str) -> dict[str, str]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}


def _behavior(scaling: Scaling) -> dict[str, Any]:
    return {"scaleDown": {"stabilizationWindowSeconds": scaling.stabilization}}
