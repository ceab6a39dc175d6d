"""The broker as a StatefulSet of ours."""

from typing import Any

import pulumi
from pulumi_kubernetes.apps.v1 import StatefulSet
from pulumi_kubernetes.core.v1 import ConfigMap, Secret, Service
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from app.broker import topology
from components import broker_files as files
from components.broker_files import AMQPS, MANAGEMENT, METRICS
from components.broker_own import COMPONENT, NAME, NODES, OwnBroker, secret_volume
from components.broker_pod import template
from components.common import NO_WAIT, Common
from components.generated import Password
from components.pods import disruption_budget
from components.settings import BrokerSettings


class BuiltinBroker(OwnBroker):
    """RabbitMQ nodes that form a cluster by themselves, without rights in Kubernetes and without an operator."""

    def __init__(
        self, name: str, common: Common, settings: BrokerSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("BuiltinBroker", name, common, opts)
        contract, child = common.contract, self.child
        selector = common.selector(COMPONENT)
        space = pulumi.Output.from_input(common.namespace)
        config = ConfigMap(
            f"{name}-config",
            metadata=common.metadata(None, COMPONENT),
            data={
                "rabbitmq.conf": space.apply(
                    lambda ns: files.builtin_conf(contract, settings.resources.memory, f"{common.instance}.{ns}")
                ),
                "advanced.config": topology.advanced_config(contract),
                "enabled_plugins": f"[{','.join(files.PLUGINS)}].\n",
            },
            opts=child,
        )
        users = self.definitions(name, settings.rabbitmq_version)
        # Nodes of two generations could not talk to each other, so this one stays.
        cookie = Secret(
            f"{name}-cookie",
            metadata=common.metadata(None, COMPONENT),
            string_data={"cookie": Password(f"{name}-erlang", 1, child).value},
            opts=child,
        )
        volumes = {
            "config": {"configMap": {"name": config.metadata["name"]}},
            "definitions": secret_volume(users),
            "tls": secret_volume(self.tls_secret(f"{name}-tls")),
            "cookie": secret_volume(cookie),
            "tmp": {"emptyDir": {}},
        }
        Service(
            f"{name}-nodes",
            metadata=common.metadata(NODES, COMPONENT),
            spec={
                "clusterIP": "None",
                # Nodes find each other before any of them is ready.
                "publishNotReadyAddresses": True,
                "selector": selector,
                "ports": [_port("amqps", AMQPS)],
            },
            opts=child,
        )
        Service(
            name,
            metadata=common.metadata(NAME, COMPONENT, annotations=NO_WAIT),
            spec={
                "selector": selector,
                "ports": [_port("amqps", AMQPS), _port("management", MANAGEMENT), _port("metrics", METRICS)],
            },
            opts=child,
        )
        PodDisruptionBudget(
            name,
            metadata=common.metadata(NAME, COMPONENT),
            spec=disruption_budget(selector, always=False),
            opts=child,
        )
        nodes = StatefulSet(
            name,
            metadata=common.metadata(NAME, COMPONENT),
            spec={
                "serviceName": NODES,
                "replicas": contract.broker.nodes,
                # After a full stop a node may need others before it gets ready.
                "podManagementPolicy": "Parallel",
                "selector": {"matchLabels": selector},
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
                "template": template(common, settings, space, volumes, selector),
                "volumeClaimTemplates": [_claim(settings)],
            },
            opts=child,
        )
        self.access = self.access_by(selector, [nodes])
        self.register_outputs({})


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "port": number, "targetPort": number, "protocol": "TCP"}


def _claim(settings: BrokerSettings) -> dict[str, Any]:
    storage = settings.storage
    return {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": storage.size}},
            **({"storageClassName": storage.storage_class} if storage.storage_class else {}),
        },
    }
