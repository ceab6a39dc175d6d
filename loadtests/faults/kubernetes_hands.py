"""Faults by the hands of the target kubernetes: kubectl with the user's own rights, and what is in the pods' images.

No pod has rights beyond its own processes, so a process is hurt from inside of its pod, by a signal.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.contract import Contract
from loadtests.faults import alarms
from loadtests.faults.hands import (
    AT_FIRST,
    HOW,
    leader_asked,
    leader_host,
    no_pool,
    patience,
    pool_of,
    put_back,
    readers,
    unready,
    until,
)
from loadtests.faults.schedule import LASTING, Fault, Kind, Schedule
from loadtests.generator.front_end import FrontEnd
from loadtests.kubernetes.deployment import BROKERS, COMPONENT, NAME, STACK, WEB, WORKERS, is_ready, pods
from loadtests.kubernetes.kubectl import Kubectl, KubectlError

CANNOT: dict[Kind, str] = {
    "cut": "a NetworkPolicy only ever allows, so none cuts what another one allows; it takes rights on the pod's node",
    "slow-link": "it takes rights on the pod's node",
}
POOL = "warren/pool"
RESULTS, CONSUMER = (f"{NAME}=warren,{COMPONENT}={component}" for component in ("results", "consumer"))
# $1: a pattern for command lines, $2: a signal. Process 1 may be another one, so it goes by what they run.
SIGNAL = """
found=1
for each in /proc/[0-9]*; do
    [ "$each" = "/proc/$$" ] && continue
    case "$(tr '\\0' ' ' <"$each/cmdline")" in
        $1) kill "-$2" "${each#/proc/}" && found=0 ;;
    esac
done 2>/dev/null
exit $found
"""
# By part of the stack: selector, and what its processes are called by.
PROGRAMS = {
    "worker": (WORKERS, "*-m app worker *"),
    "web": (WEB, "*-m app web *"),
    "broker": (BROKERS, "*/beam.smp *"),
}
Pod = dict[str, Any]


@dataclass(frozen=True)
class Lasting:
    """What is done, what takes it back however often it is said, and that in words."""

    do: Callable[[], object]
    undo: Callable[[], object]
    by_hand: str


class KubernetesHands:
    """For the stack in a namespace. Raises KubectlError or NotReady unless all of it works when it begins."""

    def __init__(self, kubectl: Kubectl, contract: Contract, front: FrontEnd) -> None:
        self._kubectl, self._contract, self._front = kubectl, contract, front
        self._aimed: Lasting
        self._aimed_at: Pod
        self._lasting: Lasting | None = None  # what is in force
        self._plain = bool(pods(kubectl, CONSUMER))
        until(self._missing, AT_FIRST)

    def refusals(self, schedule: Schedule) -> dict[str, str]:
        said = {name: self._cannot(fault) for name, fault in schedule.faults.items()}
        return {name: why for name, why in said.items() if why}

    def about(self, fault: Fault) -> str:
        part, _, how = fault.do.partition("-")
        one = {
            "worker": f"one worker pod of the pool {pool_of(fault, self._contract)}",
            "web": "one pod of the front end",
            "broker": self._broker_in_words(fault),
        }
        if part in one:
            return f"{'deletion of' if how == 'restart' else HOW[how]} {one[part]}"
        if fault.do == "results-down":
            return f"scale {self._store()['metadata']['name']}, which keeps the results, to 0"
        if fault.do == "deploy":
            return f"kubectl rollout restart {' '.join(self._deployments())}"
        return f"{fault.do} on {one['broker']}, which blocks every publisher of the cluster"

    def aim(self, fault: Fault) -> None:
        if fault.do in LASTING:
            self._aimed = self._lasting_of(fault)
        elif fault.do != "deploy":
            self._aimed_at = self._victim(fault)

    def begin(self, fault: Fault) -> None:
        if fault.do in LASTING:
            self._lasting = self._aimed
            self._lasting.do()
        elif fault.do == "deploy":
            self._deploy()
        else:
            part, _, how = fault.do.partition("-")
            pod = self._aimed_at
            if how == "kill":
                self._signal(pod, part, "KILL")
            else:
                self._kubectl.delete_pods([_name(pod)], patience(self._contract))
            until(lambda: None if self._again(pod) else f"{_name(pod)} to end", patience(self._contract))

    def end(self, fault: Fault) -> None:
        if lasting := self._lasting:
            put_back(lasting.undo, lasting.by_hand)
            self._lasting = None
        until(self._missing, patience(self._contract))

    # What can be done

    def _cannot(self, fault: Fault) -> str | None:
        if fault.do in CANNOT:
            return CANNOT[fault.do]
        if said := no_pool(fault, self._contract):
            return said
        try:
            if fault.do == "results-down":
                self._store()
            elif fault.do != "deploy":
                self._of(fault)
        except KubectlError as error:
            return str(error)
        return None

    def _part(self, fault: Fault) -> str:
        part = fault.do.partition("-")[0]
        return part if part in PROGRAMS else "broker"

    def _of(self, fault: Fault) -> dict[str, Pod]:
        """Pods of the part that is meant, by name."""
        part = self._part(fault)
        labels = PROGRAMS[part][0]
        if part == "worker":
            labels += f",{POOL}={pool_of(fault, self._contract)}"
        found = pods(self._kubectl, labels)
        if not found:
            raise KubectlError(f"no pod of it runs in the namespace {self._kubectl.namespace} ({labels})")
        return found

    def _store(self) -> dict[str, Any]:
        """The StatefulSet that keeps the results."""
        found = self._kubectl.items("statefulsets", RESULTS)
        if not found or not found[0]["spec"]["replicas"]:
            raise KubectlError(f"no result store runs in the namespace {self._kubectl.namespace} ({RESULTS})")
        return found[0]

    def _deployments(self) -> list[str]:
        found = [*self._kubectl.items("deployments", WORKERS), *self._kubectl.items("deployments", WEB)]
        return [f"deployment/{each['metadata']['name']}" for each in found]

    def _broker_in_words(self, fault: Fault) -> str:
        return f"the broker pod that leads the queue {self._contract.queue_of(fault.task)}"

    def _victim(self, fault: Fault) -> Pod:
        """The pod that is meant: of the brokers the queue's leader, of others one that was restarted least."""
        found = self._of(fault)
        if self._part(fault) != "broker":
            # A container that ends again and again is started later each time.
            return min(found.values(), key=lambda pod: (_restarts(pod), _name(pod)))
        first = next(iter(found))
        said = self._kubectl("exec", first, "--", *leader_asked(self._contract))
        return found.get(leader_host(said, self._contract.queue_of(fault.task)), found[first])

    # What is done

    def _lasting_of(self, fault: Fault) -> Lasting:
        if fault.do == "results-down":
            store = self._store()
            name, count = f"statefulset/{store['metadata']['name']}", store["spec"]["replicas"]
            return Lasting(
                lambda: self._kubectl("scale", name, "--replicas=0"),
                lambda: self._kubectl("scale", name, f"--replicas={count}"),
                f"kubectl -n {self._kubectl.namespace} scale {name} --replicas={count}",
            )
        pod, part = self._victim(fault), self._part(fault)
        name = _name(pod)
        if fault.do.endswith("-stop"):
            return Lasting(
                lambda: self._signal(pod, part, "STOP"),
                # One that its probe has ended meanwhile has nothing to go on with.
                lambda: None if self._again(pod) else self._signal(pod, part, "CONT"),
                f"kubectl -n {self._kubectl.namespace} delete pod {name}",
            )
        raised, as_before = alarms.raising(fault.do, self._kubectl("exec", name, "--", *alarms.STATUS))
        return Lasting(
            lambda: self._kubectl("exec", name, "--", *raised),
            lambda: self._kubectl("exec", name, "--", *as_before),
            f"kubectl -n {self._kubectl.namespace} exec {name} -- {' '.join(as_before)}",
        )

    def _signal(self, pod: Pod, part: str, name: str) -> None:
        try:
            self._kubectl("exec", _name(pod), "--", "sh", "-c", SIGNAL, "sh", PROGRAMS[part][1], name)
        except KubectlError as error:
            # Who ends a container's first process from inside of it goes down with it.
            if not (name == "KILL" and "exit code 137" in str(error)):
                raise

    def _again(self, pod: Pod) -> bool:
        """Whether another one is in its place, or its container was started again."""
        now = pods(self._kubectl).get(_name(pod))
        return now is None or now["metadata"]["uid"] != pod["metadata"]["uid"] or _restarts(now) > _restarts(pod)

    def _deploy(self) -> None:
        """What an update does: new pods beside the old ones, which go when those are ready."""
        names = self._deployments()
        self._kubectl("rollout", "restart", *names)
        within = patience(self._contract)
        for name in names:
            self._kubectl("rollout", "status", name, f"--timeout={within:.0f}s", timeout=within + 30)

    # Whether all works

    def _missing(self) -> str | None:
        return self._not_ready() or unready(self._front, self._readers())

    def _not_ready(self) -> str | None:
        """Workloads with fewer ready pods than they should have. How many that is, an autoscaler may change."""
        for kind in ("deployments", "statefulsets"):
            for each in self._kubectl.items(kind, STACK):
                wanted, status = each["spec"]["replicas"], each["status"]
                seen = status.get("observedGeneration", 0) >= each["metadata"]["generation"]
                if not seen or status.get("readyReplicas", 0) < wanted or status.get("updatedReplicas", 0) < wanted:
                    return f"{wanted} ready pods of {each['metadata']['name']}"
        return None

    def _readers(self) -> Counter[str]:
        ready = [pod for pod in pods(self._kubectl, WORKERS).values() if is_ready(pod)]
        return readers(self._contract, Counter(pod["metadata"]["labels"][POOL] for pod in ready), self._plain)


def _name(pod: Pod) -> str:
    return str(pod["metadata"]["name"])


def _restarts(pod: Pod) -> int:
    return sum(each["restartCount"] for each in pod["status"].get("containerStatuses") or [])
