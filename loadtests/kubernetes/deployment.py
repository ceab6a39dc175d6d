"""What a namespace says of the stack in it: by the labels that pulumi/kubernetes gives to everything."""

import base64
from dataclasses import dataclass
from typing import Any

from app.contract import Contract, parse_contract
from loadtests.kubernetes.kubectl import Kubectl, KubectlError

NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
# Ours, and a broker that RabbitMQ's Cluster Operator made for us: that one calls everything by its own names.
STACK = f"{NAME} in (warren, rabbitmq)"
WORKERS = f"{NAME}=warren,{COMPONENT}=worker"
WEB = f"{NAME}=warren,{COMPONENT}=web"
BROKERS = f"{NAME} in (warren, rabbitmq),{COMPONENT} in (broker, rabbitmq)"
SECRETS, STACK_FILE = "secrets", "stack"  # volumes of the front end's pods


@dataclass(frozen=True)
class Deployment:
    """`url` empty: nothing leads there from outside, so it takes a port-forward."""

    kubectl: Kubectl
    url: str
    token: str
    contract: Contract


def read(kubectl: Kubectl) -> Deployment:
    """Raises KubectlError or ContractError."""
    found = kubectl.items("deployments", WEB)
    if not found:
        raise KubectlError(
            f"the namespace {kubectl.namespace} holds no front end of Warren's; name another by --namespace, or "
            "deploy it: pulumi up in pulumi/kubernetes"
        )
    volumes = {each["name"]: each for each in found[0]["spec"]["template"]["spec"]["volumes"]}
    secret = kubectl.get("secret", volumes[SECRETS]["secret"]["secretName"])["data"]
    text = kubectl.get("configmap", volumes[STACK_FILE]["configMap"]["name"])["data"]["stack.yml"]
    contract = parse_contract(text, "stack.yml")
    return Deployment(kubectl, _outside(kubectl), base64.b64decode(secret["token"]).decode(), contract)


def _outside(kubectl: Kubectl) -> str:
    """Where an Ingress or a load balancer lets the world in; empty when neither does."""
    for ingress in kubectl.items("ingresses", WEB):
        spec = ingress["spec"]
        if host := spec["rules"][0].get("host"):
            return f"http{'s' if spec.get('tls') else ''}://{host}"
    for service in kubectl.items("services", WEB):
        for each in service.get("status", {}).get("loadBalancer", {}).get("ingress") or []:
            return f"http://{each.get('hostname') or each['ip']}:{service['spec']['ports'][0]['port']}"
    return ""


def pods(kubectl: Kubectl, labels: str = STACK) -> dict[str, dict[str, Any]]:
    """Those that run and are not on their way out, by name."""
    return {
        pod["metadata"]["name"]: pod
        for pod in kubectl.items("pods", labels)
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]
    }


def is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def component(pod: dict[str, Any]) -> str:
    """web, worker, broker, …; with the pool of a worker."""
    labels = pod["metadata"]["labels"]
    name = labels[COMPONENT]
    return "broker" if name == "rabbitmq" else str(name)
