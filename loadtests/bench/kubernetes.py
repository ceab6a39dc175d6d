"""The target `kubernetes`: a deployment known by its namespace, which a bench uses and leaves running."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from loadtests.bench.target import NoTarget, Progress, Target, by_url
from loadtests.hosts.facts import MACHINE
from loadtests.kubernetes.clocks import ways
from loadtests.kubernetes.cpu import PodsSampler
from loadtests.kubernetes.deployment import read
from loadtests.kubernetes.facts import broker_facts, pod_facts
from loadtests.kubernetes.forward import forwarded
from loadtests.kubernetes.kubectl import Kubectl, KubectlError


@contextmanager
def by_namespace(kubectl: Kubectl, url: str, token: str, ca: str, progress: Progress) -> Iterator[Target]:
    """`url`: a way to the front end, where the cluster does not tell. Raises NoTarget when it cannot be reached."""
    with ExitStack() as stack:
        try:
            progress(f"asking the cluster what is in {kubectl.namespace}")
            deployment = read(kubectl)
            pods, broker = pod_facts(kubectl), broker_facts(kubectl)
            way = url or deployment.url
            notes = [] if way else ["requests went through `kubectl port-forward` to one pod, which slows them down"]
            way = way or stack.enter_context(forwarded(kubectl))
        except KubectlError as error:
            raise NoTarget(str(error)) from error
        target = by_url(way.rstrip("/"), token or deployment.token, ca)
        target.cluster = kubectl
        about = {"namespace": kubectl.namespace, "kubernetes": next(iter(pods.values()), {}).get("kubernetes")}
        target.facts = {"target": "kubernetes", "url": target.url, "broker": broker, "hosts": pods, **about}
        target.contract = deployment.contract.model_dump(mode="json", exclude_none=True)
        target.sampler = stack.enter_context(PodsSampler(kubectl)).into
        target.clocks = lambda: ways(kubectl)
        target.notes += [*notes, *_notes(pods)]
        yield target


def _notes(pods: dict[str, dict[str, Any]]) -> list[str]:
    machines = {str(facts[MACHINE]): facts for facts in pods.values()}
    notes = []
    if len(machines) == 1:
        facts = next(iter(machines.values()))
        here = ", as does the generator" if facts.get("here") else ""
        notes.append(f"all pods share the {facts.get('cores', 'unknown number of')} cores of one machine{here}")
    return notes
