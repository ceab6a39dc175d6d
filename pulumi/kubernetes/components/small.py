"""A process of which there is one: beat, Flower, the plain consumer."""

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment

from components.common import Common, Credentials
from components.pods import Process, app_pod


def single(
    name: str, common: Common, process: Process, files: Credentials, child: pulumi.ResourceOptions, replace: bool
) -> Deployment:
    """One pod. `replace`: the old one has to be gone before the new one starts."""
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return Deployment(
        name,
        metadata=common.metadata(process.component, process.component),
        spec={
            "replicas": 1,
            "selector": {"matchLabels": common.selector(process.component)},
            "strategy": {"type": "Recreate"} if replace else rolling,
            "progressDeadlineSeconds": common.ready_within,
            "template": app_pod(common, process, files),
        },
        opts=files.waiting(child),
    )
