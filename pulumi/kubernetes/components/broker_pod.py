"""The pod of a RabbitMQ node of ours: what it is told, how it is asked, what it does before it goes."""

from typing import Any

import pulumi

from components import broker_files as files
from components.broker_files import AMQPS, CONFIG, COOKIE, DATA, DEFINITIONS, MANAGEMENT, METRICS, TLS
from components.broker_own import COMPONENT, NAME, NODES
from components.common import Common
from components.pods import container_security, pod_spec, resources
from components.settings import BrokerSettings


def template(
    common: Common,
    settings: BrokerSettings,
    namespace: pulumi.Output[str],
    volumes: dict[str, dict[str, Any]],
    selector: dict[str, str],
) -> dict[str, Any]:
    host = pulumi.Output.concat("$(POD_NAME).", NODES, ".", namespace, ".svc")
    environment = [
        {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "RABBITMQ_NODENAME", "value": pulumi.Output.concat("rabbit@", host)},
        {"name": "RABBITMQ_USE_LONGNAME", "value": "true"},
        {"name": "RABBITMQ_LOGS", "value": "-"},
        {"name": "RABBITMQ_LOG_BASE", "value": DATA},
        {"name": "RABBITMQ_CONFIG_FILES", "value": files.PEERS},
        {"name": "HOME", "value": DATA},
        # Erlang's schedulers would spin for a while before they sleep, on processors that others share.
        {"name": "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "value": "+sbwt none +sbwtdcpu none +sbwtdio none"},
    ]
    mounts = [
        {"name": "data", "mountPath": DATA},
        {"name": "config", "mountPath": CONFIG, "readOnly": True},
        {"name": "definitions", "mountPath": DEFINITIONS, "readOnly": True},
        {"name": "tls", "mountPath": TLS, "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - the pod's own
    ]
    shared = {"image": settings.image, "imagePullPolicy": common.image_pull_policy, "env": environment}
    shared["securityContext"] = container_security()
    broker = common.contract.broker
    script = namespace.apply(lambda ns: files.prepare_script([_host(at, ns) for at in range(broker.nodes)]))
    leave = {"preStop": {"exec": {"command": ["bash", "-c", files.leave_script(settings.grace // 2)]}}}
    container = {
        "name": "rabbitmq",
        **shared,
        "ports": [
            {"name": name, "containerPort": port, "protocol": "TCP"}
            for name, port in (("amqps", AMQPS), ("management", MANAGEMENT), ("metrics", METRICS))
        ],
        "resources": resources(settings.resources),
        # Its listeners open when all else has been done. A node that waits for others may take long, and is not stuck.
        "startupProbe": {"tcpSocket": {"port": "amqps"}, "periodSeconds": 3, "failureThreshold": 400},
        "readinessProbe": {"tcpSocket": {"port": "amqps"}, "periodSeconds": 5, "failureThreshold": 3},
        "livenessProbe": {
            "exec": {"command": ["rabbitmq-diagnostics", "-q", "ping"]},
            "periodSeconds": 60,
            "timeoutSeconds": 50,
            "failureThreshold": 5,
        },
        "volumeMounts": mounts,
        # With one member there is nobody to wait for, and nobody to hand over to.
        **({"lifecycle": leave} if broker.replicas > 1 else {}),
    }
    prepare = {
        "name": "prepare",
        **shared,
        "command": ["bash", "-c", script],
        "resources": resources(settings.resources.model_copy(update={"cpu": "10m", "memory": "128Mi"})),
        "volumeMounts": [mounts[0], {"name": "cookie", "mountPath": COOKIE, "readOnly": True}],
    }
    spec = pod_spec(common, settings.placement, settings.user_id, selector)
    return {
        "metadata": {"labels": common.labels(COMPONENT)},
        "spec": {
            **spec,
            "terminationGracePeriodSeconds": settings.grace,
            "initContainers": [prepare],
            "containers": [container],
            "volumes": [{"name": name, **volume} for name, volume in volumes.items()],
        },
    }


def _host(at: int, namespace: str) -> str:
    return f"{NAME}-{at}.{NODES}.{namespace}.svc"
