"""The rules hold for every way to configure the stack; and each is seen to complain about a stack that breaks it."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from app.contract import Contract
from tests.kubernetes.rules import RULES, Manifest, judge, workloads

THREE = {"broker": {"nodes": 3, "replicas": 3}}
STACKS: dict[str, dict[str, Any]] = {
    "default": {},
    "three nodes": {"contract": THREE},
    "everything": {
        "contract": THREE,
        "workers": {
            "fast": {"scaling": {"kind": "keda", "max": 20}, "placement": {"priorityClass": "high"}},
            "io": {"scaling": {"kind": "hpa"}},
            "long": {"replicas": 4, "cpuLimit": "1"},
        },
        "web": {"scaling": {"kind": "hpa", "min": 2}, "ingress": {"host": "warren.example", "tls": {"secret": "tls"}}},
        "network": {"monitoringFrom": ["monitoring"], "webFrom": ["ingress"]},
        "monitors": "on",
    },
    "operator": {
        "broker": {"kind": "operator"},
        "contract": THREE,
        "web": {"gateway": {"name": "g", "namespace": "gw", "host": "w.example"}},
    },
    "external": {
        "broker": {"kind": "external", "uri": "amqps://user:pw@broker.example:5671/warren"},
        "results": {"kind": "external", "url": "redis://:pw@results.example:6379/0"},
        "createNamespace": False,
    },
    "bound": {"broker": {"kind": "external", "bindingSecret": "rabbit-default-user"}, "network": {"enabled": False}},
}  # fmt: skip


@pytest.mark.parametrize("stack", STACKS)
def test_the_rules_hold(render: Callable[..., list[Manifest]], contract: Contract, stack: str) -> None:
    assert judge(render(**STACKS[stack]), contract) == {}


def pod(manifests: list[Manifest], name: str) -> Any:
    return next(pod for each, _, pod in workloads(manifests) if each.endswith(f" {name}"))


def deployment(manifests: list[Manifest], name: str) -> Any:
    return next(m for m in manifests if m["kind"] == "Deployment" and m["metadata"]["name"] == name)


def of_kind(manifests: list[Manifest], kind: str) -> list[Any]:
    return [m for m in manifests if m["kind"] == kind]


def without(manifests: list[Manifest], kind: str, name: str) -> None:
    manifests[:] = [m for m in manifests if (m["kind"], m["metadata"]["name"]) != (kind, name)]


# Rule → (what is done to a good stack, what the complaint names).
BREAKS: list[tuple[str, Callable[[list[Manifest]], Any], str]] = [
    ("restricted", lambda m: of_kind(m, "Namespace")[0]["metadata"]["labels"].clear(), "namespace warren"),
    ("restricted", lambda m: pod(m, "web")["securityContext"].pop("runAsNonRoot"), "Deployment web may run as root"),
    ("restricted", lambda m: pod(m, "beat")["securityContext"].pop("seccompProfile"), "Deployment beat"),
    ("restricted", lambda m: pod(m, "web").update(hostNetwork=True), "enters the host's namespaces"),
    ("restricted", lambda m: pod(m, "web")["volumes"].append({"name": "h", "hostPath": {"path": "/"}}), "volume h"),
    ("restricted", lambda m: pod(m, "rabbitmq")["initContainers"][0].pop("securityContext"), "container prepare"),
    ("nothing_to_write_on", lambda m: pod(m, "web")["containers"][0].pop("securityContext"), "container web"),
    ("no_tokens", lambda m: pod(m, "worker-io").pop("automountServiceAccountToken"), "worker-io"),
    ("no_tokens", lambda m: of_kind(m, "ServiceAccount")[0].pop("automountServiceAccountToken"), "account warren"),
    ("service_links_off", lambda m: pod(m, "flower").pop("enableServiceLinks"), "flower"),
    ("probes", lambda m: pod(m, "worker-fast")["containers"][0].pop("livenessProbe"), "no livenessProbe"),
    (
        "probes",
        lambda m: pod(m, "web")["containers"][0]["livenessProbe"]["httpGet"].update(path="/readyz"),
        "a lost broker would restart it",
    ),
    (
        "probes",
        lambda m: pod(m, "worker-io")["containers"][0]["livenessProbe"]["exec"]["command"].append("--ready"),
        "a lost broker would restart it",
    ),
    ("probes", lambda m: pod(m, "beat")["containers"][0]["startupProbe"].pop("timeoutSeconds"), "busy node"),
    ("grace", lambda m: pod(m, "worker-long").update(terminationGracePeriodSeconds=100), "killed after 100 s"),
    ("grace", lambda m: pod(m, "worker-long").pop("terminationGracePeriodSeconds"), "killed after 30 s"),
    ("grace", lambda m: pod(m, "web").update(terminationGracePeriodSeconds=10), "last requests"),
    ("budget", lambda m: without(m, "PodDisruptionBudget", "worker-io"), "worker-io has 0 budgets"),
    ("budget", lambda m: of_kind(m, "PodDisruptionBudget")[0]["spec"].update(maxUnavailable=0), "no node be drained"),
    ("rolling", lambda m: deployment(m, "beat")["spec"].update(strategy={"type": "RollingUpdate"}), "two could run"),
    ("rolling", lambda m: deployment(m, "web")["spec"].pop("strategy"), "Deployment web"),
    ("pinned_images", lambda m: pod(m, "web")["containers"][0].update(image="registry:5000/warren:latest"), "latest"),
    ("pinned_images", lambda m: pod(m, "web")["containers"][0].update(image="registry:5000/warren"), "another image"),
    ("resources", lambda m: pod(m, "web")["containers"][0]["resources"].pop("limits"), "all of a node's memory"),
    ("resources", lambda m: pod(m, "web")["containers"][0]["resources"]["requests"].pop("cpu"), "requests no cpu"),
    (
        "secrets_as_files",
        lambda m: pod(m, "web")["containers"][0]["env"].append({"name": "CELERY_BROKER_URL", "value": "amqp://"}),
        "CELERY_BROKER_URL",
    ),
    (
        "secrets_as_files",
        lambda m: pod(m, "web")["containers"][0].update(envFrom=[{"secretRef": {"name": "s"}}]),
        "a whole Secret",
    ),
    (
        "secrets_as_files",
        lambda m: of_kind(m, "ConfigMap")[0]["data"].update(x="password of web"),
        "holds a password",
    ),
    (
        "own_names_for_content",
        lambda m: of_kind(m, "ConfigMap")[0]["metadata"].update(name="stack"),
        "ConfigMap stack has a fixed name",
    ),
    ("spread", lambda m: pod(m, "web").pop("topologySpreadConstraints"), "one node"),
    ("closed_network", lambda m: without(m, "NetworkPolicy", "default-deny"), "default-deny"),
    (
        "closed_network",
        lambda m: next(p for p in of_kind(m, "NetworkPolicy") if p["metadata"]["name"] == "broker")["spec"]["ingress"][
            0
        ].pop("from"),
        "everybody may reach the broker",
    ),
    ("scalers_alone", lambda m: deployment(m, "worker-fast")["spec"].pop("replicas"), "nobody says"),
]  # fmt: skip


@pytest.fixture(scope="module")
def good(render: Callable[..., list[Manifest]]) -> list[Manifest]:
    return render()


@pytest.mark.parametrize(("rule", "breaks", "says"), BREAKS, ids=[f"{r}-{s.replace(' ', '_')}" for r, _, s in BREAKS])
def test_a_broken_rule_is_noticed(
    good: list[Manifest], contract: Contract, rule: str, breaks: Callable[[list[Manifest]], Any], says: str
) -> None:
    broken = copy.deepcopy(good)
    breaks(broken)
    assert any(says in complaint for complaint in judge(broken, contract).get(rule, [])), judge(broken, contract)


def test_every_rule_was_broken_once() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(RULES)
