"""beat, which sends the periodic tasks of stack.yml. Two would send everything twice."""

import pulumi

from components.common import BrokerAccess, Common, credentials
from components.pods import HEARTBEAT, Process, heartbeat_probes
from components.settings import SmallSettings
from components.small import single

# Seconds. Its loop turns each five seconds; waiting for the broker it says so each two.
SIGN_OF_LIFE, GRACE = 60, 15


class Beat(pulumi.ComponentResource):
    """One pod, and never two, not even while it is updated. No budget: there is none to spare and none needed."""

    def __init__(
        self,
        name: str,
        common: Common,
        settings: SmallSettings,
        broker: BrokerAccess,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("warren:kubernetes:Beat", name, None, opts)
        process = Process(
            component="beat",
            arguments=["beat"],
            probes=heartbeat_probes(SIGN_OF_LIFE),
            resources=settings.resources,
            placement=settings.placement,
            grace=GRACE,
            environment={"WARREN_HEARTBEAT_FILE": HEARTBEAT},
        )
        files = credentials(name, common, "beat", broker, None, self)
        single(name, common, process, files, pulumi.ResourceOptions(parent=self), replace=True)
        self.register_outputs({})
