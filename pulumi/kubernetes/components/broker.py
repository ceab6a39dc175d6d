"""The broker, three ways: a StatefulSet of ours, a RabbitmqCluster of the Cluster Operator, or one that is there."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.apps.v1 import StatefulSet
from pulumi_kubernetes.core.v1 import ConfigMap, Secret, Service
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from app.broker import topology
from app.broker.definitions import ADMIN
from components import broker_files as files
from components.broker_files import AMQPS, CONFIG, COOKIE, DATA, DEFINITIONS, MANAGEMENT, METRICS, TLS
from components.common import NO_WAIT, ROLES, BrokerAccess, Common
from components.generated import Certificate, Password
from components.pods import container_security, disruption_budget, pod_spec, resources
from components.settings import BrokerSettings

NAME, NODES = "rabbitmq", "rabbitmq-nodes"
COMPONENT = "broker"


class _OwnBroker(pulumi.ComponentResource):
    """What both brokers that we start have: users with passwords, and certificates of an authority of their own."""

    access: BrokerAccess

    def __init__(self, kind: str, name: str, common: Common, opts: pulumi.ResourceOptions | None) -> None:
        super().__init__(f"warren:kubernetes:{kind}", name, None, opts)
        self.child = pulumi.ResourceOptions(parent=self)
        self.common = common
        generation = common.generation
        self.passwords = {role: Password(f"{name}-{role}", generation, self.child).value for role in (ADMIN, *ROLES)}
        self.authority = Certificate(f"{name}-ca", generation, [f"Warren's {NAME}"], opts=self.child)
        space = pulumi.Output.from_input(common.namespace)
        hosts = [NAME, NODES, f"*.{NODES}"]
        names = space.apply(
            lambda ns: [f"{NAME}.{ns}.svc", *(f"{h}{end}" for h in hosts for end in ("", f".{ns}", f".{ns}.svc"))]
        )
        self.certificate = Certificate(f"{name}-certificate", generation, names, self.authority, self.child)

    def user(self, role: str) -> str:
        """A user a role and generation: while passwords are changed, both the old and the new one may log in."""
        return role if role == ADMIN else f"{role}-{self.common.generation}"

    def definitions(self, name: str, version: tuple[int, ...]) -> Secret:
        """The Secret of definitions with every user."""
        contract = self.common.contract

        def text(passwords: Mapping[str, str]) -> str:
            logins = {role: (self.user(role), password) for role, password in passwords.items()}
            return files.definitions_text(contract, version, logins, passwords[ADMIN])

        return Secret(
            f"{name}-definitions",
            metadata=self.common.metadata(None, COMPONENT),
            string_data={"definitions.json": pulumi.Output.secret(pulumi.Output.all(**self.passwords).apply(text))},
            opts=self.child,
        )

    def tls_secret(self, name: str) -> Secret:
        return Secret(
            name,
            metadata=self.common.metadata(None, COMPONENT),
            type="kubernetes.io/tls",
            string_data={
                "ca.crt": self.authority.certificate,
                "tls.crt": self.certificate.certificate,
                "tls.key": self.certificate.key,
            },
            opts=self.child,
        )

    def access_by(
        self, pods: Mapping[str, str], ready: Sequence[pulumi.Resource], asks_api: bool = False
    ) -> BrokerAccess:
        """Addresses by role, all of the one Service in front of the nodes."""
        vhost = quote(self.common.contract.broker.vhost, safe="")

        def url(scheme: str, role: str, port: int) -> pulumi.Output[str]:
            login = pulumi.Output.concat(self.user(role), ":", self.passwords[role])
            host = pulumi.Output.concat(NAME, ".", self.common.namespace, ".svc")
            return pulumi.Output.secret(pulumi.Output.concat(f"{scheme}://", login, "@", host, f":{port}/{vhost}"))

        return BrokerAccess(
            urls={role: url("amqps", role, AMQPS) for role in ROLES},
            ca=self.authority.certificate,
            management=url("https", "monitor", MANAGEMENT),
            pods=pods,
            asks_api=asks_api,
            ready=ready,
        )


class BuiltinBroker(_OwnBroker):
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
            "definitions": _secret(users),
            "tls": _secret(self.tls_secret(f"{name}-tls")),
            "cookie": _secret(cookie),
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
                "template": _template(common, settings, space, volumes, selector),
                "volumeClaimTemplates": [_claim(settings)],
            },
            opts=child,
        )
        self.access = self.access_by(selector, [nodes])
        self.register_outputs({})


def _host(at: int, namespace: str) -> str:
    return f"{NAME}-{at}.{NODES}.{namespace}.svc"


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "port": number, "targetPort": number, "protocol": "TCP"}


def _secret(secret: Secret) -> dict[str, Any]:
    return {"secret": {"secretName": secret.metadata["name"], "defaultMode": 0o440}}


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


def _template(
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


class OperatorBroker(_OwnBroker):
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
                "volumes": [{"name": "definitions", **_secret(users)}],
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


class ExternalBroker(pulumi.ComponentResource):
    """A broker that is there already: nothing is made, only its addresses are handed on."""

    access: BrokerAccess

    def __init__(self, name: str, settings: BrokerSettings, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("warren:kubernetes:ExternalBroker", name, None, opts)
        given = {role: settings.uris.get(role) or settings.uri for role in ROLES}
        urls = {role: pulumi.Output.secret(url) for role, url in given.items() if url}
        ports = {urlsplit(url.split(";")[0]).port or _default_port(url) for url in given.values() if url}
        management = settings.management_uri
        self.access = BrokerAccess(
            urls=urls,
            binding=settings.binding_secret,
            ca=pulumi.Output.from_input(settings.ca) if settings.ca else None,
            management=pulumi.Output.secret(management) if management else None,
            port=ports.pop() if ports else AMQPS,
            management_port=(urlsplit(management).port or 443) if management else MANAGEMENT,
        )
        self.register_outputs({})


def _default_port(url: str) -> int:
    return AMQPS if url.startswith("amqps") else 5672
