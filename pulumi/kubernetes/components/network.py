"""Who may talk to whom: nobody, but for what is listed here."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes.networking.v1 import NetworkPolicy

from components import flower, pods, web
from components.broker_files import AMQPS, CLUSTER_PORTS, METRICS
from components.common import BrokerAccess, Common, ResultsAccess
from components.settings import NetworkSettings

CLIENTS = ("web", "worker", "beat", "consumer", "flower")
KEEPERS = ("web", "worker")  # of results
DNS = [{"port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")]
Ports = int | tuple[int, int]  # one, or the first and the last of a range
NAMESPACE_LABEL = "kubernetes.io/metadata.name"
# What is not the internet: private, shared, loopback and link-local addresses.
_PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"]
_PRIVATE_6 = ["fc00::/7", "fe80::/10", "::1/128"]


class Network(pulumi.ComponentResource):
    """Default deny, names, the front end, the way to the broker and the results, and the nodes among themselves."""

    def __init__(
        self,
        name: str,
        common: Common,
        settings: NetworkSettings,
        broker: BrokerAccess,
        results: ResultsAccess,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("warren:kubernetes:Network", name, None, opts)
        self._common, self._child = common, pulumi.ResourceOptions(parent=self)
        self._policy("default-deny", {}, ingress=[], egress=[])
        self._policy("names", {}, egress=[{"ports": DNS}])
        self._policy("web", common.selector("web"), ingress=[_rule(_namespaces(settings.web_from), [web.PORT])])
        self._clients("broker", CLIENTS, broker.pods, broker.port)
        self._clients("results", KEEPERS, results.pods, results.port)
        if broker.pods:
            self._broker(broker.pods, broker.management_port, settings)
        if broker.asks_api:
            self._policy("broker-api", dict(broker.pods or {}), egress=[{"ports": _ports([443, 6443])}])
        if settings.internet:
            self._policy(
                "internet", common.selector("worker"), egress=[{"to": _internet(), "ports": _ports([80, 443])}]
            )
        if settings.monitoring_from:
            scraped = [pods.METRICS_PORT, METRICS, web.PORT]
            self._policy("monitoring", {}, ingress=[_rule(_namespaces(settings.monitoring_from), scraped)])
        self._policy("flower", common.selector(flower.NAME), ingress=[_rule([], [flower.PORT])])
        self.register_outputs({})

    def _clients(self, name: str, clients: Sequence[str], target: Mapping[str, str] | None, port: int) -> None:
        """From these components to those pods, at both ends; or to anywhere, when they are not pods of ours."""
        if not clients:
            return
        asked = {"matchExpressions": [{"key": "app.kubernetes.io/component", "operator": "In", "values": [*clients]}]}
        to = [{"podSelector": {"matchLabels": dict(target)}}] if target else []
        self._policy(f"to-{name}", asked, egress=[{**({"to": to} if to else {}), "ports": _ports([port])}])
        if target:
            self._policy(name, dict(target), ingress=[_rule([{"podSelector": asked}], [port])])

    def _broker(self, target: Mapping[str, str], management: int, settings: NetworkSettings) -> None:
        nodes = [{"podSelector": {"matchLabels": dict(target)}}]
        self._policy(
            "broker-nodes",
            dict(target),
            ingress=[_rule(nodes, [*CLUSTER_PORTS, AMQPS])],
            egress=[{"to": nodes, "ports": _ports([*CLUSTER_PORTS, AMQPS])}],
        )
        self._policy(
            "broker-management", dict(target), ingress=[_rule(_namespaces([settings.keda_from]), [management])]
        )

    def _policy(
        self,
        name: str,
        target: Mapping[str, Any],
        ingress: Sequence[Any] | None = None,
        egress: Sequence[Any] | None = None,
    ) -> None:
        directions = {"Ingress": ingress, "Egress": egress}
        rules = {key.lower(): list(value) for key, value in directions.items() if value}
        selector = target if not target or "matchExpressions" in target else {"matchLabels": dict(target)}
        NetworkPolicy(
            f"network-{name}",
            metadata=self._common.metadata(name, "network"),
            spec={
                "podSelector": selector,
                "policyTypes": [key for key, value in directions.items() if value is not None],
                **rules,
            },
            opts=self._child,
        )


def _rule(peers: Sequence[Any], ports: Sequence[Ports]) -> dict[str, Any]:
    return {**({"from": list(peers)} if peers else {}), "ports": _ports(ports)}


def _ports(ports: Sequence[Ports]) -> list[dict[str, Any]]:
    ranges = [port if isinstance(port, tuple) else (port, port) for port in ports]
    return [{"port": first, "protocol": "TCP", **({"endPort": last} if last > first else {})} for first, last in ranges]


def _namespaces(names: Sequence[str]) -> list[dict[str, Any]]:
    return [{"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: name}}} for name in names]


def _internet() -> list[dict[str, Any]]:
    return [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": _PRIVATE}},
        {"ipBlock": {"cidr": "::/0", "except": _PRIVATE_6}},
    ]
