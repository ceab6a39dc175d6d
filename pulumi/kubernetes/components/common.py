"""What all components share: where they go, how they are labelled, how one finds the broker and the results."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Secret

from app.contract import Contract
from components.broker_files import AMQPS, MANAGEMENT

# Those of app.broker.rights.
ROLES = ("web", "worker", "beat", "consumer", "monitor")


@dataclass(frozen=True)
class Common:
    """One stack's. `namespace`, `stack_config` (a ConfigMap with stack.yml) and `service_account` are names."""

    instance: str
    namespace: pulumi.Input[str]
    image: str
    contract: Contract
    stack_config: pulumi.Input[str]
    service_account: pulumi.Input[str]
    generation: int = 1
    image_pull_policy: str = "IfNotPresent"
    image_pull_secrets: Sequence[str] = ()
    # Seconds without progress after which an update has failed.
    ready_within: int = 300
    # Whether the definitions of ServiceMonitor and PodMonitor are there to be used.
    monitors: bool = False

    def labels(self, component: str, **more: str) -> dict[str, str]:
        """Labels of everything that belongs to a component."""
        return {
            **self.selector(component),
            "app.kubernetes.io/managed-by": "pulumi",
            "app.kubernetes.io/part-of": "warren",
            **more,
        }

    def selector(self, component: str) -> dict[str, str]:
        """What never changes of them: a Deployment's selector cannot be changed."""
        return {
            "app.kubernetes.io/name": "warren",
            "app.kubernetes.io/instance": self.instance,
            "app.kubernetes.io/component": component,
        }

    def metadata(self, name: str | None, component: str, **more: Any) -> dict[str, Any]:
        """Without a name Pulumi makes one that is new for each new content. So ConfigMaps and Secrets are never changed
        under running pods: those that use them roll, and no others."""
        named = {"name": name} if name else {}
        return {**named, "namespace": self.namespace, "labels": self.labels(component), **more}


@dataclass(frozen=True)
class BrokerAccess:
    """How to reach a broker: `urls` by role, or a Secret `binding` in the shape of servicebinding.io.

    `pods`: labels of its pods, None when they are not in our namespace. `management`: of its HTTP API, with the login
    of the role monitor, for KEDA. `asks_api`: its pods ask Kubernetes' API. `ready`: what its
    clients come after.
    """

    urls: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    binding: str | None = None
    ca: pulumi.Output[str] | None = None
    management: pulumi.Output[str] | None = None
    pods: Mapping[str, str] | None = None
    asks_api: bool = False
    ready: Sequence[pulumi.Resource] = ()
    port: int = AMQPS
    management_port: int = MANAGEMENT


@dataclass(frozen=True)
class ResultsAccess:
    """Where results are kept. `pods` as above."""

    url: pulumi.Output[str]
    ca: pulumi.Output[str] | None = None
    pods: Mapping[str, str] | None = None
    ready: Sequence[pulumi.Resource] = ()
    port: int = 6379


# For Services: whether pods behind them are ready is asked of the pods themselves.
NO_WAIT = {"pulumi.com/skipAwait": "true"}

# Files of a role's Secret, and the variable that names each one to the app.
FILES = {
    "broker-url": "CELERY_BROKER_URL_FILE",
    "broker-ca": "WARREN_BROKER_CA",
    "results-url": "CELERY_BACKEND_URL_FILE",
    "token": "WARREN_TOKEN_FILE",
    "flower-login": "FLOWER_BASIC_AUTH_FILE",
}
SECRETS = "/etc/warren/secrets"
BINDINGS = "/etc/warren/bindings"
RESULTS_CA = f"{SECRETS}/results-ca"


@dataclass(frozen=True)
class Credentials:
    """A role's Secret, and what the app has to be told to find its files. `after`: see `BrokerAccess.ready`."""

    secret: pulumi.Output[str]
    environment: Mapping[str, str]
    binding: str | None = None
    after: Sequence[pulumi.Resource] = ()

    def waiting(self, options: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
        """Options of who uses these. Pulumi works on a few resources at a time: if clients waiting for the broker took
        all its hands, the broker would never be made."""
        return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=list(self.after)))


def credentials(
    name: str,
    common: Common,
    role: str,
    broker: BrokerAccess,
    results: ResultsAccess | None,
    parent: pulumi.Resource,
    **own: pulumi.Input[str],
) -> Credentials:
    """One Secret for one role, with no more in it than that role needs. `own`: more files of it."""
    files: dict[str, pulumi.Input[str]] = {key.replace("_", "-"): value for key, value in own.items()}
    if not broker.binding:
        files["broker-url"] = broker.urls[role]
    if broker.ca is not None:
        files["broker-ca"] = broker.ca
    if results is not None:
        files["results-url"] = results.url
        if results.ca is not None:
            files["results-ca"] = results.ca
    secret = Secret(
        name,
        metadata=common.metadata(None, role),
        string_data=files,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    environment = {variable: f"{SECRETS}/{key}" for key, variable in FILES.items() if key in files}
    if broker.binding:
        environment["SERVICE_BINDING_ROOT"] = BINDINGS
    after = [*broker.ready, *(results.ready if results else ())]
    return Credentials(secret.metadata["name"], environment, broker.binding, after)
