"""The operators do for a program what they do elsewhere. Compiled at the first run, which takes its time."""

from typing import Any

from .conftest import Space


def test_the_cluster_operator_makes_a_broker(cluster: Any) -> None:
    cluster("up", "--nodes", "2", "--with", "cluster-operator")
    small = {"cpu": "100m", "memory": "384Mi"}
    spec = {
        "replicas": 1,
        "delayStartSeconds": 0,
        "persistence": {"storage": "1Gi"},
        "resources": {"requests": small, "limits": {"memory": small["memory"]}},
        "terminationGracePeriodSeconds": 10,
    }
    metadata = {"name": "rabbit", "namespace": "default"}
    cluster.apply({"apiVersion": "rabbitmq.com/v1beta1", "kind": "RabbitmqCluster", "metadata": metadata, "spec": spec})
    try:
        cluster.kubectl("wait", "rabbitmqcluster/rabbit", "--for=create", "--timeout=10s")
        cluster.kubectl("wait", "rabbitmqcluster/rabbit", "--for=condition=AllReplicasReady", "--timeout=180s")
        secret = cluster.get("secret", "rabbit-default-user")["data"]
        assert {"host", "port", "username", "password", "connection_string"} <= secret.keys()
    finally:
        cluster.kubectl("delete", "rabbitmqcluster", "rabbit", "--timeout=90s")


def test_keda_scales_by_what_it_measures(cluster: Any, space: Space) -> None:
    cluster("up", "--nodes", "2", "--with", "keda")
    space.deploy("work", "sleep 600")
    space.deploy("pool", "sleep 600")
    space("rollout", "status", "deployment/work", "deployment/pool", "--timeout=90s")
    trigger = {"type": "kubernetes-workload", "metadata": {"podSelector": "app=work", "value": "1"}}
    quick = {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}}}
    spec = {
        "scaleTargetRef": {"name": "pool"},
        "pollingInterval": 1,
        "cooldownPeriod": 1,
        "minReplicaCount": 0,
        "maxReplicaCount": 3,
        "advanced": {"horizontalPodAutoscalerConfig": quick},
        "triggers": [trigger],
    }
    metadata = {"name": "pool", "namespace": space.name}
    cluster.apply({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": metadata, "spec": spec})
    # More than one is scaled by a HorizontalPodAutoscaler that reads KEDA's metrics; to nothing, by KEDA itself.
    for work in (3, 0):
        space("scale", "deployment/work", f"--replicas={work}")
        space("wait", "deployment/pool", f"--for=jsonpath={{.spec.replicas}}={work}", "--timeout=90s")
