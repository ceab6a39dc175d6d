"""Network policies as rules: what selects whom, and what is let through."""

from typing import Any

from .policy_rules import matches, ruleset

SPACES = [
    {"metadata": {"name": "shop", "labels": {"team": "shop"}}},
    {"metadata": {"name": "watch", "labels": {"team": "watch"}}},
]


def pod(name: str, address: str, namespace: str = "shop", **labels: str) -> dict[str, Any]:
    ports = [{"name": "amqp", "containerPort": 5672}]
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name, **labels}},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"phase": "Running", "podIP": address},
    }


PODS = [pod("broker", "10.0.0.1"), pod("worker", "10.0.0.2"), pod("spy", "10.0.0.3", "watch")]


def rules(**spec: Any) -> str:
    policy = {"metadata": {"namespace": "shop"}, "spec": {"podSelector": {"matchLabels": {"app": "broker"}}, **spec}}
    return ruleset(PODS, SPACES, [policy])


def test_without_policies_nothing_is_forbidden() -> None:
    assert "drop" not in ruleset(PODS, SPACES, [])


def test_a_policy_without_rules_forbids_everything_to_the_pods_it_selects() -> None:
    said = rules(policyTypes=["Ingress"])
    assert "ip daddr vmap { 10.0.0.1 : jump" in said
    assert "return" not in said and "10.0.0.2" not in said


def test_egress_is_restricted_only_when_it_is_named() -> None:
    assert "ip saddr vmap" not in rules(ingress=[])
    assert "ip saddr vmap" in rules(egress=[])


def test_a_peer_is_of_the_policys_namespace_unless_a_selector_says_otherwise() -> None:
    everyone: dict[str, Any] = {"matchLabels": {}}
    assert "ip saddr { 10.0.0.1, 10.0.0.2 }" in rules(ingress=[{"from": [{"podSelector": everyone}]}])
    watchers = {"namespaceSelector": {"matchLabels": {"team": "watch"}}}
    assert "ip saddr { 10.0.0.3 }" in rules(ingress=[{"from": [watchers]}])


def test_ports_go_by_number_range_and_name() -> None:
    ports = [{"port": "amqp"}, {"port": 4369}, {"port": 35672, "endPort": 35682}, {"port": "other"}]
    said = rules(ingress=[{"ports": ports}])
    for wanted in ("tcp dport 5672 return", "tcp dport 4369 return", "tcp dport 35672-35682 return"):
        assert wanted in said
    assert said.count("dport") == 3


def test_a_block_has_exceptions() -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
    newer = {"ipBlock": {"cidr": "::/0", "except": ["fc00::/7"]}}
    said = rules(egress=[{"to": [block, newer]}])
    assert "ip daddr 0.0.0.0/0 ip daddr != { 10.0.0.0/8 }" in said
    assert "::" not in said  # pods have no such addresses here


def test_selectors_know_all_four_operators() -> None:
    labels = {"app": "web"}
    for operator, key, values, verdict in (
        ("In", "app", ["web", "flower"], True),
        ("In", "tier", ["web"], False),
        ("NotIn", "app", ["web"], False),
        ("NotIn", "tier", ["web"], True),
        ("Exists", "app", None, True),
        ("DoesNotExist", "app", None, False),
    ):
        expression = {"key": key, "operator": operator, "values": values}
        assert matches({"matchExpressions": [expression]}, labels) is verdict
