"""Flower, behind a password."""

import pulumi
from pulumi_kubernetes.core.v1 import Service
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components.common import NO_WAIT, BrokerAccess, Common, credentials
from components.generated import Password
from components.pods import Process, disruption_budget
from components.settings import SmallSettings
from components.small import single

NAME, PORT, USER = "flower", 5555, "flower"
GRACE = 15


class Flower(pulumi.ComponentResource):
    """One pod and its Service. `login` is `user:password`, `login_secret` the Secret that holds it."""

    login: pulumi.Output[str]
    login_secret: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        common: Common,
        settings: SmallSettings,
        broker: BrokerAccess,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("warren:kubernetes:Flower", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        password = Password(f"{name}-password", common.generation, child).value
        self.login = pulumi.Output.secret(pulumi.Output.concat(USER, ":", password))
        files = credentials(name, common, "monitor", broker, None, self, flower_login=self.login)
        self.login_secret = files.secret

        def get(period: int, threshold: int) -> dict[str, object]:
            probe = {"httpGet": {"path": "/healthcheck", "port": "http"}, "timeoutSeconds": 10}
            return {**probe, "periodSeconds": period, "failureThreshold": threshold}

        process = Process(
            component=NAME,
            arguments=["flower"],
            probes={"startupProbe": get(3, 60), "livenessProbe": get(20, 3), "readinessProbe": get(10, 3)},
            resources=settings.resources,
            placement=settings.placement,
            grace=GRACE,
            environment={"FLOWER_HOST": "0.0.0.0", "FLOWER_LISTEN_PORT": str(PORT)},  # noqa: S104 - the pod's own
            ports={"http": PORT},
        )
        single(name, common, process, files, child, replace=False)
        PodDisruptionBudget(
            name,
            metadata=common.metadata(NAME, NAME),
            spec=disruption_budget(common.selector(NAME)),
            opts=child,
        )
        Service(
            name,
            metadata=common.metadata(NAME, NAME, annotations=NO_WAIT),
            spec={
                "selector": common.selector(NAME),
                "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
            },
            opts=child,
        )
        self.register_outputs({})
