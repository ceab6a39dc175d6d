"""Our own rules for manifests: what every pod of the stack has to be, whichever component made it.

Each rule takes all manifests of a stack and yields a complaint for each violation.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from typing import Any

from app.contract import Contract

Manifest = dict[str, Any]
Complaints = Iterator[str]
RULES: dict[str, Callable[[list[Manifest], Contract], Complaints]] = {}
KINDS = ("Deployment", "StatefulSet")


Rule = Callable[[list[Manifest], Contract], Complaints]


def rule(function: Rule) -> Rule:
    RULES[function.__name__] = function
    return function


def judge(manifests: list[Manifest], contract: Contract) -> dict[str, list[str]]:
    """Rule → complaints, for the rules that are broken."""
    found = {name: list(check(manifests, contract)) for name, check in RULES.items()}
    return {name: complaints for name, complaints in found.items() if complaints}


def workloads(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest, Manifest]]:
    """(name, manifest, pod spec) of all that makes pods."""
    for manifest in manifests:
        if manifest["kind"] in KINDS:
            yield f"{manifest['kind']} {manifest['metadata']['name']}", manifest, manifest["spec"]["template"]["spec"]


def containers(manifests: list[Manifest], init: bool = True) -> Iterator[tuple[str, Manifest]]:
    for name, _, pod in workloads(manifests):
        for container in [*pod["containers"], *(pod.get("initContainers", []) if init else [])]:
            yield f"{name}, container {container['name']}", container


@rule
def restricted(manifests: list[Manifest], _: Contract) -> Complaints:
    """Pod Security Standard `restricted`, enforced by the namespace and kept by the pods."""
    for namespace in (m for m in manifests if m["kind"] == "Namespace"):
        labels = namespace["metadata"].get("labels", {})
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"namespace {namespace['metadata']['name']} does not enforce it"
    for name, _manifest, pod in workloads(manifests):
        security = pod.get("securityContext", {})
        if security.get("runAsNonRoot") is not True or not security.get("runAsUser", 0):
            yield f"{name} may run as root"
        if security.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{name} has no seccomp profile"
        if any(pod.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")):
            yield f"{name} enters the host's namespaces"
        for volume in pod.get("volumes", []):
            if not volume.keys() & {"configMap", "secret", "emptyDir", "projected", "persistentVolumeClaim"}:
                yield f"{name}: volume {volume['name']} is of a kind that is not allowed"
    for name, container in containers(manifests):
        security = container.get("securityContext", {})
        if security.get("allowPrivilegeEscalation") is not False or security.get("privileged"):
            yield f"{name} may gain privileges"
        if security.get("capabilities", {}).get("drop") != ["ALL"] or security.get("capabilities", {}).get("add"):
            yield f"{name} keeps capabilities"
        if security.get("runAsUser") == 0:
            yield f"{name} runs as root"


@rule
def nothing_to_write_on(manifests: list[Manifest], _: Contract) -> Complaints:
    for name, container in containers(manifests):
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{name} can write to its image's files"


@rule
def no_tokens(manifests: list[Manifest], _: Contract) -> Complaints:
    """Nothing here asks Kubernetes for anything."""
    for manifest in manifests:
        if manifest["kind"] == "ServiceAccount" and manifest.get("automountServiceAccountToken") is not False:
            yield f"the account {manifest['metadata']['name']} hands out tokens"
    for name, _manifest, pod in workloads(manifests):
        if pod.get("automountServiceAccountToken") is not False:
            yield f"{name} has a token"


@rule
def service_links_off(manifests: list[Manifest], _: Contract) -> Complaints:
    for name, _manifest, pod in workloads(manifests):
        if pod.get("enableServiceLinks") is not False:
            yield f"{name}: a Service called flower or rabbitmq would set variables that the programs misread"


@rule
def probes(manifests: list[Manifest], _: Contract) -> Complaints:
    """All three; and none that restarts a pod may ask the broker, for that restarts everybody when it is away."""
    for name, container in containers(manifests, init=False):
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container.get(kind)
            if not probe:
                yield f"{name} has no {kind}"
                continue
            asks = probe.get("httpGet", {}).get("path") == "/readyz"
            if kind != "readinessProbe" and (asks or "--ready" in probe.get("exec", {}).get("command", [])):
                yield f"{name}: a lost broker would restart it ({kind})"
            if "exec" in probe and probe.get("timeoutSeconds", 1) < 5:
                yield f"{name}: {kind} starts a program, which takes more than a second on a busy node"


@rule
def grace(manifests: list[Manifest], contract: Contract) -> Complaints:
    """task limit < soft shutdown < the time until the kill, for every pool."""
    for name, _manifest, pod in workloads(manifests):
        wait, labels = pod.get("terminationGracePeriodSeconds", 30), _manifest["spec"]["template"]["metadata"]["labels"]
        pool = labels.get("warren/pool")
        if pool and not contract.pools[pool].longest < contract.stop.soft_shutdown < wait:
            yield (
                f"{name} is killed after {wait} s, but a task may take {contract.pools[pool].longest} s and is handed "
                f"back after {contract.stop.soft_shutdown} s"
            )
        if pool and wait < math.ceil(contract.stop.timeout):
            yield f"{name} is killed before stop.timeout"
        linger = max(
            (c.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0) for c in pod["containers"]),
            default=0,
        )
        if linger and linger + 8 >= wait:
            yield f"{name} has no time to answer its last requests"


@rule
def budget(manifests: list[Manifest], _: Contract) -> Complaints:
    """One disruption at a time for everything of which there may be several, and never none."""
    budgets = [m["spec"] for m in manifests if m["kind"] == "PodDisruptionBudget"]
    for name, manifest, _pod in workloads(manifests):
        if manifest["spec"].get("strategy", {}).get("type") == "Recreate":
            continue
        labels = manifest["spec"]["template"]["metadata"]["labels"]
        mine = [b for b in budgets if b["selector"].get("matchLabels", {}).items() <= labels.items()]
        if len(mine) != 1:
            yield f"{name} has {len(mine)} budgets"
        elif mine[0].get("maxUnavailable") in (0, "0%", None):
            yield f"{name}: its budget lets no node be drained"


@rule
def rolling(manifests: list[Manifest], _: Contract) -> Complaints:
    """A new pod before an old one goes; but of beat never two."""
    for name, manifest, _pod in workloads(manifests):
        strategy = manifest["spec"].get("strategy", {})
        beat = manifest["metadata"]["labels"]["app.kubernetes.io/component"] == "beat"
        if beat and (strategy.get("type") != "Recreate" or manifest["spec"].get("replicas") != 1):
            yield f"{name}: two could run at once"
        if (
            manifest["kind"] == "Deployment"
            and not beat
            and strategy.get("rollingUpdate", {}).get("maxUnavailable") != 0
        ):
            yield f"{name}: an update takes a pod away before its successor is ready"


@rule
def pinned_images(manifests: list[Manifest], _: Contract) -> Complaints:
    for name, container in containers(manifests):
        tag = container["image"].rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in container["image"] and tag in ("", "latest"):
            yield f"{name}: {container['image']} may be another image tomorrow"


@rule
def resources(manifests: list[Manifest], _: Contract) -> Complaints:
    for name, container in containers(manifests):
        wanted = container.get("resources", {})
        for key in ("cpu", "memory"):
            if key not in wanted.get("requests", {}):
                yield f"{name} requests no {key}"
        if "memory" not in wanted.get("limits", {}):
            yield f"{name} may take all of a node's memory"


@rule
def secrets_as_files(manifests: list[Manifest], _: Contract) -> Complaints:
    """Environments are shown by many tools, and inherited by every child."""
    secret = re.compile(r"(PASSWORD|TOKEN|SECRET|COOKIE|_URL|AUTH)$")
    for name, container in containers(manifests):
        for variable in container.get("env", []):
            source = variable.get("valueFrom", {})
            if "secretKeyRef" in source or secret.search(variable["name"]):
                yield f"{name}: {variable['name']} holds a secret"
        if any("secretRef" in source for source in container.get("envFrom", [])):
            yield f"{name}: a whole Secret becomes its environment"
        if "password of" in json.dumps([container.get("command"), container.get("args"), container.get("env")]):
            yield f"{name}: a password stands in its command or environment"
    for manifest in manifests:
        if manifest["kind"] == "ConfigMap" and "password of" in json.dumps(manifest):
            yield f"ConfigMap {manifest['metadata']['name']} holds a password"


@rule
def own_names_for_content(manifests: list[Manifest], _: Contract) -> Complaints:
    """A ConfigMap or Secret that changes under running pods changes nothing, or breaks the old ones."""
    for manifest in manifests:
        if manifest["kind"] in ("ConfigMap", "Secret") and not manifest["metadata"]["name"].endswith("-00000000"):
            yield f"{manifest['kind']} {manifest['metadata']['name']} has a fixed name: its pods would not roll"


@rule
def spread(manifests: list[Manifest], _: Contract) -> Complaints:
    for name, _manifest, pod in workloads(manifests):
        keys = {each["topologyKey"] for each in pod.get("topologySpreadConstraints", [])}
        if "kubernetes.io/hostname" not in keys:
            yield f"{name}: all its pods may end up on one node"


@rule
def closed_network(manifests: list[Manifest], _: Contract) -> Complaints:
    """Nothing may be reached or reach out unless it is listed."""
    deny = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    policies = [m["spec"] for m in manifests if m["kind"] == "NetworkPolicy"]
    if policies and deny not in policies:
        yield "there is no default-deny policy"
    for manifest in manifests:
        if manifest["kind"] != "NetworkPolicy" or not {"broker", "results"} & {manifest["metadata"]["name"]}:
            continue
        for allowed in manifest["spec"].get("ingress", []):
            if not allowed.get("from"):
                yield f"everybody may reach the {manifest['metadata']['name']}"


@rule
def scalers_alone(manifests: list[Manifest], _: Contract) -> Complaints:
    """Where a scaler decides, the deployment must not: each `pulumi up` would undo its work."""
    scaled = {
        m["spec"]["scaleTargetRef"]["name"]
        for m in manifests
        if m["kind"] in ("HorizontalPodAutoscaler", "ScaledObject")
    }
    for name, manifest, _pod in workloads(manifests):
        says = "replicas" in manifest["spec"]
        if (manifest["metadata"]["name"] in scaled) == says:
            yield f"{name}: {'its scaler and it both say' if says else 'nobody says'} how many pods there are"
