"""The broker as a RabbitmqCluster of the RabbitMQ Cluster Operator."""

from urllib.parse import quote

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Secret

from app.broker import topology
from app.broker.definitions import ADMIN
from components import broker_files as files
from components.broker_files import AMQPS, DEFINITIONS
from components.broker_own import COMPONENT, NAME, OwnBroker, secret_volume
from components.common import Common
from components.pods import container_security, resources
from components.settings import BrokerSettings


class OperatorBroker(OwnBroker):
    """A RabbitmqCluster, which the RabbitMQ Cluster Operator runs. Users and policies are those of the builtin one.

    The default user's Secret is ours and has the operator's shape, so that its other tools find their way.
    """

    def __init__(
        self, name: str, common: Common, settings: BrokerSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("OperatorBroker", name, common, opts)
        child, contract = self.child, common.contract
        host = pulumi.Output.concat(NAME, ".", common.namespace, ".svc")
        password = self.passwords[ADMIN]
        vhost = contract.broker.vhost
        binding = Secret(
            f"{name}-default-user",
            metadata=common.metadata(None, COMPONENT),
            type="servicebinding.io/rabbitmq",
            string_data={
                "type": "rabbitmq",
                "provider": "rabbitmq",
                "host": host,
                "port": str(AMQPS),
                "username": ADMIN,
                "password": password,
                "connection_string": pulumi.Output.concat(
                    f"amqps://{ADMIN}:", password, "@", host, f":{AMQPS}/{quote(vhost, safe='')}"
                ),
                "default_user.conf": pulumi.Output.concat(f"default_user = {ADMIN}\ndefault_pass = ", password, "\n"),
            },
            opts=child,
        )
        users = self.definitions(name, settings.rabbitmq_version)
        tls = self.tls_secret(f"{name}-tls")
        placement = settings.placement
        restricted = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        mount = {"name": "definitions", "mountPath": DEFINITIONS, "readOnly": True}
        pod = {
            "spec": {
                "automountServiceAccountToken": True,  # of the operator's making: nodes find each other by the API
                "enableServiceLinks": False,
                "securityContext": restricted,
                "containers": [{"name": "rabbitmq", "securityContext": container_security(), "volumeMounts": [mount]}],
                "initContainers": [{"name": "setup-container", "securityContext": container_security()}],
                "volumes": [{"name": "definitions", **secret_volume(users)}],
                **({"nodeSelector": placement.node_selector} if placement.node_selector else {}),
                **({"priorityClassName": placement.priority_class} if placement.priority_class else {}),
            }
        }
        limits = resources(settings.resources)
        storage = settings.storage
        cluster = CustomResource(
            name,
            api_version="rabbitmq.com/v1beta1",
            kind="RabbitmqCluster",
            metadata=common.metadata(NAME, COMPONENT),
            spec={
                "replicas": contract.broker.nodes,
                "image": settings.image,
                "imagePullSecrets": [{"name": each} for each in common.image_pull_secrets],
                "delayStartSeconds": 0,
                "terminationGracePeriodSeconds": settings.grace,
                "resources": limits,
                "persistence": {
                    "storage": storage.size,
                    **({"storageClassName": storage.storage_class} if storage.storage_class else {}),
                },
                "tolerations": placement.tolerations,
                # With an authority for clients it would ask each of them for a certificate.
                "tls": {"secretName": tls.metadata["name"], "disableNonTLSListeners": True},
                "secretBackend": {"externalSecret": {"name": binding.metadata["name"]}},
                "rabbitmq": {
                    "additionalConfig": files.common_conf(contract, settings.resources.memory),
                    "advancedConfig": topology.advanced_config(contract),
                },
                "override": {"statefulSet": {"spec": {"template": pod}}},
            },
            opts=child,
        )
        pods = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/component": "rabbitmq"}
        self.access = self.access_by(pods, [cluster], asks_api=True)
        self.register_outputs({})
