"""The plain consumer beside Celery."""

import pulumi
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components import monitors
from components.common import BrokerAccess, Common, credentials
from components.pods import HEARTBEAT, METRICS_PORT, Process, disruption_budget, heartbeat_probes
from components.settings import SmallSettings
from components.small import single

# Seconds. Its pauses between attempts to connect grow to 45 s.
SIGN_OF_LIFE, GRACE = 120, 30


class Consumer(pulumi.ComponentResource):
    """One pod that consumes the queue `plain`."""

    def __init__(
        self,
        name: str,
        common: Common,
        settings: SmallSettings,
        broker: BrokerAccess,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("warren:kubernetes:Consumer", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        selector = common.selector("consumer")
        process = Process(
            component="consumer",
            arguments=["consumer"],
            probes=heartbeat_probes(SIGN_OF_LIFE),
            resources=settings.resources,
            placement=settings.placement,
            grace=GRACE,
            environment={
                "WARREN_HEARTBEAT_FILE": HEARTBEAT,
                "WARREN_METRICS_HOST": "0.0.0.0",  # noqa: S104 - the pod's own address
                "WARREN_METRICS_PORT": str(METRICS_PORT),
            },
            ports={"metrics": METRICS_PORT},
        )
        files = credentials(name, common, "consumer", broker, None, self)
        single(name, common, process, files, child, replace=False)
        PodDisruptionBudget(
            name, metadata=common.metadata("consumer", "consumer"), spec=disruption_budget(selector), opts=child
        )
        if common.monitors:
            monitors.pods(name, common, "consumer", selector, child)
        self.register_outputs({})
