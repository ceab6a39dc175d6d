"""The namespace, and what all pods in it share: an account without rights, and stack.yml."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap, Namespace, ServiceAccount

STANDARD = "restricted"


@dataclass(frozen=True)
class Ground:
    """Names, which are known once the things are there."""

    namespace: pulumi.Output[str]
    stack_config: pulumi.Output[str]
    service_account: pulumi.Output[str]


def prepare(namespace: str, create: bool, stack_text: str, instance: str) -> Ground:
    """Make them. A namespace that is there already is left as it is when `create` is false."""
    labels = {"app.kubernetes.io/name": "warren", "app.kubernetes.io/instance": instance}
    name = pulumi.Output.from_input(namespace)
    if create:
        enforced = {f"pod-security.kubernetes.io/{mode}": STANDARD for mode in ("enforce", "audit", "warn")}
        made = Namespace("namespace", metadata={"name": namespace, "labels": {**labels, **enforced}})
        name = made.metadata["name"]
    account = ServiceAccount(
        "account",
        metadata={"name": "warren", "namespace": name, "labels": labels},
        automount_service_account_token=False,
    )
    # Without a name of its own: new content, new name, and who reads it rolls.
    config = ConfigMap("stack", metadata={"namespace": name, "labels": labels}, data={"stack.yml": stack_text})
    return Ground(name, config.metadata["name"], account.metadata["name"])
