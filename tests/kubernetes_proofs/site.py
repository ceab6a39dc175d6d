"""The stack in a cluster, and hands to use and to break it."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from loadtests.kubernetes import deployment
from loadtests.kubernetes.kubectl import Kubectl

from ..cluster.commands import Commands
from ..cluster.state import Cluster
from ..front_end import FrontEnd, wait_until
from ..kubernetes.pulumi_stack import PulumiFailed, Stack
from ..under_load import Where

Pods = dict[str, dict[str, Any]]


@dataclass
class Counts:
    """What Pulumi says it did, or would do: such as {'created': 73}."""

    said: str

    def __getitem__(self, what: str) -> int:
        """`what`: the verb it uses; `create` is also found as `to create` and `created`."""
        block = self.said.rpartition("Resources:")[2]
        found = re.search(rf"(\d+) (?:to )?{what}\w*", block)
        return int(found[1]) if found else 0


class Site:
    """One Pulumi stack's namespace. Where it needs KUBECONFIG and kubectl, the environment has them."""

    def __init__(self, cluster: Cluster, stack: Stack, namespace: str, config: dict[str, Any]) -> None:
        self.cluster, self.stack, self.namespace = cluster, stack, namespace
        self.config = {**config, "namespace": namespace}
        self.hands = Commands(cluster.folder)
        self.kubectl = Kubectl(namespace)
        self.token = ""

    # The user's commands

    def up(self, *options: str, timeout: float = 900, **changes: Any) -> Counts:
        """`pulumi up` with `changes` over the configuration, key by key."""
        self.stack.configure(merged(self.config, changes))
        counts = Counts(self.stack.run("up", "--yes", *options, timeout=timeout))
        self.token = self.stack.outputs()["token"]
        return counts

    def fails(self, command: str, **changes: Any) -> str:
        """What `pulumi <command>` says when it ends with an error, as it must. The configuration is put back."""
        try:
            self.stack.configure(merged(self.config, changes))
            self.stack.run(command, *(["--yes"] if command == "up" else []))
        except PulumiFailed as failure:
            return str(failure)
        finally:
            self.stack.configure(self.config)
        raise AssertionError(f"pulumi {command} went well with {changes}")

    # What stands there

    @property
    def url(self) -> str:
        return self.hands("publish", f"{self.namespace}/web").splitlines()[-1]

    @property
    def where(self) -> Where:
        return Where(self.url, self.token)

    def front(self) -> FrontEnd:
        front = FrontEnd(self.url)
        front.headers["Authorization"] = f"Bearer {self.token}"
        return front

    def ready(self, within: float = 180) -> None:
        wait_until(self.front().is_ready, "readiness", within)

    def pods(self, labels: str = deployment.STACK) -> Pods:
        """Those that run and stay."""
        return deployment.pods(self.kubectl, labels)

    def workers(self, pool: str) -> Pods:
        return self.pods(f"{deployment.WORKERS},warren/pool={pool}")

    def brokers(self) -> Pods:
        return self.pods(deployment.BROKERS)

    def wait_for(self, workload: str, within: float = 240) -> None:
        """Until a Deployment or StatefulSet is what it was to become."""
        self.kubectl("rollout", "status", workload, f"--timeout={within:.0f}s", timeout=within + 30)

    def whole(self, pool: str, count: int, within: float = 180) -> Pods:
        """The pool's pods, once there are so many and all are ready."""

        def all_ready() -> Pods:
            now = self.workers(pool)
            return now if len(now) == count and all(deployment.is_ready(pod) for pod in now.values()) else {}

        found: Pods = wait_until(all_ready, f"{count} ready pods of {pool}", within)
        return found

    def last_end(self, pod: str) -> dict[str, Any]:
        """How a pod's container ended last; empty when it never did."""
        status = self.kubectl.get("pod", pod)["status"]["containerStatuses"][0]
        found: dict[str, Any] = status.get("lastState", {}).get("terminated") or {}
        return found

    def assert_not_restarted(self, labels: str, before: dict[str, tuple[str, int]]) -> None:
        """Against `restarts` of earlier; says how and with which words a container ended."""
        now = restarts(self.pods(labels))
        ends = {name: self.last_end(name) for name in now if now[name] != before.get(name)}
        words = [
            f"{name}: {end}\n{self.kubectl('logs', name, '--previous', '--tail=200')}"
            for name, end in ends.items()
            if end
        ]
        assert now == before, "\n".join(words)

    def apply(self, *objects: dict[str, Any]) -> None:
        self.hands.apply(*objects)


def restarts(pods: Pods) -> dict[str, tuple[str, int]]:
    """Pod to what changes when it is replaced or one of its containers is restarted."""
    return {
        name: (pod["metadata"]["uid"], sum(each["restartCount"] for each in pod["status"]["containerStatuses"]))
        for name, pod in pods.items()
    }


def merged(below: Any, above: Any) -> Any:
    """Keys of both, at every depth."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    return below | {key: merged(below.get(key), value) for key, value in above.items()}


def watched(look: Callable[[], int], until: Callable[[], bool], within: float = 180) -> list[int]:
    """What `look` gave, again and again, until `until`."""
    seen, deadline = [look()], time.monotonic() + within
    while not until():
        assert time.monotonic() < deadline, f"not within {within:.0f} s; seen: {seen}"
        seen.append(look())
        time.sleep(0.3)
    return [*seen, look()]


def everything(site: Site) -> set[str]:
    """Each object of the cluster by kind, namespace and name, but for what comes and goes by itself.

    A pod that something else made is replaced under another name, when its node is drained say; its maker is listed.
    """
    listed = site.hands.kubectl("api-resources", "--verbs=list,get", "-o", "name").split()
    passing = ("events", "leases", "endpoint", "pods.metrics", "nodes.metrics", "componentstatuses", "external.metrics")
    kinds = [kind for kind in listed if not kind.startswith(passing) and ".metrics.k8s.io" not in kind]
    found = json.loads(
        site.hands.kubectl("get", ",".join(kinds), "--all-namespaces", "-o", "json", "--ignore-not-found")
    )
    return {
        f"{each['kind']} {each['metadata'].get('namespace', '')}/{each['metadata']['name']}"
        for each in found["items"]
        if each["kind"] != "Event" and not (each["kind"] == "Pod" and each["metadata"].get("ownerReferences"))
    }
