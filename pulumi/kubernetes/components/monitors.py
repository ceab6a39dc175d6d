"""What Prometheus' operator is told to scrape, where its definitions exist."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource

from components.common import Common

API = "monitoring.coreos.com/v1"
EVERY = "15s"


def pods(name: str, common: Common, component: str, selector: Mapping[str, str], child: pulumi.ResourceOptions) -> None:
    """A PodMonitor of the pods' port `metrics`."""
    CustomResource(
        f"{name}-monitor",
        api_version=API,
        kind="PodMonitor",
        metadata=common.metadata(name, component),
        spec={
            "selector": {"matchLabels": dict(selector)},
            "podMetricsEndpoints": [{"port": "metrics", "interval": EVERY}],
        },
        opts=child,
    )


def service(
    name: str, common: Common, component: str, endpoint: Mapping[str, Any], child: pulumi.ResourceOptions
) -> None:
    """A ServiceMonitor of one of a Service's ports."""
    CustomResource(
        f"{name}-monitor",
        api_version=API,
        kind="ServiceMonitor",
        metadata=common.metadata(name, component),
        spec={
            "selector": {"matchLabels": common.selector(component)},
            "endpoints": [{"interval": EVERY, **endpoint}],
        },
        opts=child,
    )
