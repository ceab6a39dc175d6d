"""A pool of stack.yml as pods: one worker process in each. Tasks are not lost when a pod goes."""

import math

import pulumi
from pulumi_kubernetes.apps.v1 import Deployment
from pulumi_kubernetes.policy.v1 import PodDisruptionBudget

from components import monitors, scaling
from components.common import BrokerAccess, Common, ResultsAccess, credentials
from components.pods import HEARTBEAT, METRICS_PORT, Process, app_pod, disruption_budget, heartbeat_probes
from components.settings import Resources, WorkerSettings

# Seconds without a sign of life. The file is touched each second; a busy node may starve a pod for a while.
SIGN_OF_LIFE = 30
POOL_LABEL = "warren/pool"


class WorkerPool(pulumi.ComponentResource):
    """A Deployment of workers of one pool, its budget, and its autoscaler when one is asked for."""

    def __init__(
        self,
        pool_name: str,
        common: Common,
        settings: WorkerSettings,
        broker: BrokerAccess,
        results: ResultsAccess,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        name = f"worker-{pool_name.replace('_', '-')}"
        super().__init__("warren:kubernetes:WorkerPool", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        pool, contract = common.contract.pools[pool_name], common.contract
        own = {POOL_LABEL: pool_name}
        selector = common.selector("worker") | own
        process = Process(
            component="worker",
            arguments=["worker", pool_name],
            probes=heartbeat_probes(SIGN_OF_LIFE),
            resources=Resources(
                cpu=settings.cpu, cpu_limit=settings.cpu_limit, memory=settings.memory or f"{pool.memory}Mi"
            ),
            placement=settings.placement,
            grace=contract.stop.timeout,
            environment={
                "WARREN_HEARTBEAT_FILE": HEARTBEAT,
                "WARREN_METRICS_HOST": "0.0.0.0",  # noqa: S104 - the pod's own address
                "WARREN_METRICS_PORT": str(METRICS_PORT),
            },
            ports={"metrics": METRICS_PORT},
            labels=own,
        )
        files = credentials(name, common, "worker", broker, results, self)
        Deployment(
            name,
            metadata={**common.metadata(name, "worker"), "labels": common.labels("worker", **own)},
            spec={
                **scaling.replicas(settings.scaling, settings.replicas),
                "selector": {"matchLabels": selector},
                # A new worker first: while it starts, nobody is missing.
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0}},
                # A worker that is told to stop may take its grace, and only then is there room for the next.
                "progressDeadlineSeconds": math.ceil(contract.stop.timeout) + common.ready_within,
                "template": app_pod(common, process, files),
            },
            opts=files.waiting(child),
        )
        PodDisruptionBudget(
            name, metadata=common.metadata(name, "worker"), spec=disruption_budget(selector), opts=child
        )
        if settings.scaling.kind == "hpa":
            scaling.by_cpu(name, common, "worker", settings.scaling, child)
        if settings.scaling.kind == "keda":
            messages = settings.scaling.messages or pool.prefetch
            scaling.by_queues(name, common, settings.scaling, broker, list(pool.queues), messages, child)
        if common.monitors:
            monitors.pods(name, common, "worker", selector, child)
        self.register_outputs({})
