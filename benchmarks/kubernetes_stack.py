"""What Pulumi's program costs on a cluster, next to what it stands for; and the stack on it, next to the local one.

    make cluster-up && python -m benchmarks.kubernetes_stack     as root, in the cluster that is up
    python -m benchmarks.kubernetes_stack --only pulumi|throughput

`pulumi up` against `kubectl apply` of the very manifests that it made, both until everything is ready; a second `up`
against the preview; the highest rate of `warren bench --short` here and there.
"""

import argparse
import json
import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

from benchmarks.next_to_local import next_to_local
from loadtests.kubernetes.kubectl import Kubectl
from tests.cluster import stack as images_of
from tests.cluster.commands import Commands
from tests.cluster.state import DEFAULT_FOLDER, Cluster
from tests.kubernetes.pulumi_stack import Stack

NAME = "benchmark"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of one
PATIENCE = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["pulumi", "throughput"], help="one half of it")
    only = parser.parse_args().only
    cluster = Cluster(DEFAULT_FOLDER)
    os.environ["KUBECONFIG"] = str(cluster.kubeconfig)
    os.environ["PATH"] = f"{cluster.running().kubernetes}/bin{os.pathsep}{os.environ['PATH']}"
    stack = images_of.opened(cluster, NAME, {"namespace": NAME, **images_of.load(cluster, print)})
    print(f"Pulumi's provider for Kubernetes: {stack.provider}")
    try:
        if only != "throughput":
            pulumi(stack)
        if only != "pulumi":
            throughput(stack, cluster)
    finally:
        stack.run("destroy", "--yes")


def pulumi(stack: Stack) -> None:
    """Times of Pulumi's commands and of kubectl's."""
    up = timed(lambda: stack.run("up", "--yes"))
    again = timed(lambda: stack.run("up", "--yes", "--expect-no-changes"))
    preview = timed(lambda: stack.run("preview", "--expect-no-changes"))
    manifests = declared(stack)
    stack.run("destroy", "--yes")
    apply = timed(lambda: applied(manifests))
    Kubectl(NAME)("delete", "namespace", NAME, timeout=PATIENCE)
    print(f"pulumi up {up:.1f} s, kubectl apply until ready {apply:.1f} s: {up / apply:.2f}")
    print(f"second up {again:.1f} s, preview {preview:.1f} s: {again / preview:.2f}")


def declared(stack: Stack) -> list[dict[str, Any]]:
    """Every Kubernetes object of the stack as it was given, in the order in which it was made."""
    state = json.loads(stack.run("stack", "export", "--show-secrets"))
    found = []
    for resource in state["deployment"]["resources"]:
        if resource["type"].startswith("kubernetes:"):
            inputs = {key: value for key, value in opened(resource["inputs"]).items() if key != "__defaults"}
            found.append(inputs)
    return found


def opened(value: Any) -> Any:
    """Without what marks a secret."""
    if isinstance(value, dict):
        if SECRET in value.values():
            return json.loads(value["plaintext"])
        return {key: opened(each) for key, each in value.items()}
    return [opened(each) for each in value] if isinstance(value, list) else value


def applied(manifests: list[dict[str, Any]]) -> None:
    """Apply them and wait for what has to become ready."""
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    subprocess.run(["kubectl", "apply", "-f", "-"], input=text, text=True, check=True, stdout=subprocess.DEVNULL)
    for kind in ("statefulset", "deployment"):
        for each in (m for m in manifests if m["kind"].lower() == kind):
            Kubectl(NAME)("rollout", "status", f"{kind}/{each['metadata']['name']}", timeout=PATIENCE)


def throughput(stack: Stack, cluster: Cluster) -> None:
    """The same short bench on both, one after the other on the same machine."""
    stack.run("up", "--yes")
    url = Commands(cluster.folder)("publish", f"{NAME}/web").splitlines()[-1]
    next_to_local(["--target", "kubernetes", "--namespace", NAME, "--url", url])


def timed(do: Callable[[], Any]) -> float:
    began = time.monotonic()
    do()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
