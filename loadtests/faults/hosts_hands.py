"""Faults by the hands of the target hosts: systemctl, rabbitmqctl, nft and tc over ssh, on the host that is meant.

What lasts is put back by us, and by a timer of that host's own systemd in case we cannot any more.
"""

import json
import time
from collections import Counter
from dataclasses import dataclass

from loadtests.faults import alarms
from loadtests.faults.hands import (
    AT_FIRST,
    HOW,
    PATIENCE,
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
from loadtests.faults.schedule import LASTING, Fault, Schedule
from loadtests.generator.front_end import FrontEnd
from loadtests.hosts import inventory, links
from loadtests.hosts.inventory import Deployment, Machine
from loadtests.hosts.remote import Remote, RemoteError, each
from loadtests.local.errors import NotReady

WEB, BROKER, CONSUMER = "warren-web.service", "rabbitmq-server.service", "warren-consumer.service"
# What the results role starts, by its results_kind.
STORES = {"valkey": ("valkey-server*.service", "redis-server*.service"), "postgresql": ("postgresql@*.service",)}
TIMER = "warren-fault"
# Seconds after which a host's own timer puts a fault back, beyond what it was to last.
ALONE = 60.0
# ssh, systemctl and rabbitmqctl on a machine that is busy.
_ANSWER = 90.0


@dataclass(frozen=True)
class Lasting:
    """Shell commands on a host: what is done, and what takes it back however often it is said."""

    machine: Machine
    do: str
    undo: str


class HostsHands:
    """For the stack on an inventory's hosts. Raises RemoteError or NotReady unless all of it works when it begins."""

    def __init__(self, remote: Remote, deployment: Deployment, front: FrontEnd, notes: list[str]) -> None:
        """`notes`: what has to be known about the outcome is added to them."""
        self._remote, self._deployment, self._front, self._notes = remote, deployment, front, notes
        self._contract, self._brokers = deployment.contract, deployment.group("brokers")
        self._aimed: Lasting
        self._aimed_at: tuple[Machine, str]
        self._lasting: Lasting | None = None  # what is in force
        kind = next(iter(inventory.variables(deployment, {"kind": "results_kind | default('')"}).values()))["kind"]
        self._stores = STORES.get(kind, ())
        self._units = self._active()
        for name, units in self._units.items():
            if f"{TIMER}.timer" in units:
                raise RemoteError(f"{name}: {TIMER}.timer is about to put an earlier run's fault back; wait for it")
        workers = Counter(pool for units in self._units.values() for pool in _pools(units))
        plain = any(CONSUMER in units for units in self._units.values())
        self._wanted = readers(self._contract, workers, plain)
        until(self._missing, AT_FIRST)

    def refusals(self, schedule: Schedule) -> dict[str, str]:
        said = {name: self._cannot(fault) for name, fault in schedule.faults.items()}
        return {name: why for name, why in said.items() if why}

    def about(self, fault: Fault) -> str:
        broker = f"the broker that leads the queue {self._contract.queue_of(fault.task)}"
        how = HOW.get(fault.do.partition("-")[2], "")
        if fault.do.startswith(("worker-", "web-")):
            machine, unit = self._found(self._unit(fault))
            return f"{how} {unit} on {machine.name}"
        if fault.do == "results-down":
            machine, unit = self._store()
            return f"stop {unit} on {machine.name}, for everybody who uses it"
        if fault.do == "deploy":
            return (
                f"restart everything of Warren's on {', '.join(each.name for each in self._app())}, one after another"
            )
        if fault.do in ("memory-alarm", "disk-alarm"):
            return f"{fault.do} on {broker}, which blocks every publisher of the cluster"
        if fault.do == "cut":
            return f"drop what {broker} and the other brokers send to each other (nft table {links.TABLE} on its host)"
        if fault.do == "slow-link":
            return f"let all that the host of {broker} sends come {links.DELAY} later (tc netem)"
        return f"{how} {broker}"

    def aim(self, fault: Fault) -> None:
        if fault.do in LASTING:
            self._aimed = self._lasting_of(fault)
        elif fault.do.startswith("broker-"):
            self._aimed_at = self._leader(fault), BROKER
        elif fault.do != "deploy":
            self._aimed_at = self._found(self._unit(fault))

    def begin(self, fault: Fault) -> None:
        if fault.do in LASTING:
            # First who puts it back, then the fault.
            self._lasting = lasting = self._aimed
            alone = f"{(fault.lasts or 0.0) + ALONE:.0f}"
            self._run(lasting.machine, "systemd-run", "--quiet", "--collect", f"--unit={TIMER}", f"--on-active={alone}",
                      "--timer-property=AccuracySec=1s", "sh", "-c", lasting.undo)  # fmt: skip
            self._run(lasting.machine, "sh", "-c", lasting.do)
        elif fault.do == "deploy":
            self._deploy()
        else:
            self._renew(*self._aimed_at, fault.do.endswith("-kill"))

    def end(self, fault: Fault) -> None:
        if lasting := self._lasting:
            by_hand = f"on {lasting.machine.name}: {lasting.undo}"
            # The timer may have done it already, and be gone.
            both = f"{lasting.undo} && {{ systemctl stop --quiet {TIMER}.timer 2>/dev/null || :; }}"
            if fault.do == "cut":
                by_hand += f"; systemctl restart {BROKER}"

            def undo() -> None:
                self._run(lasting.machine, "sh", "-c", both)
                if fault.do == "cut":
                    self._heal(lasting.machine)

            put_back(undo, by_hand)
            self._lasting = None
        until(self._missing, patience(self._contract))
        if fault.do.startswith("broker-") or fault.do == "cut":
            until(self._cluster_missing)

    # What can be done

    def _cannot(self, fault: Fault) -> str | None:
        try:
            if said := no_pool(fault, self._contract):
                return said
            if fault.do.startswith(("worker-", "web-")):
                self._found(self._unit(fault))
            elif fault.do == "results-down":
                self._store()
            elif fault.do != "deploy":
                return self._cannot_broker(fault)
        except RemoteError as error:
            return str(error)
        return None

    def _cannot_broker(self, fault: Fault) -> str | None:
        if not self._brokers:
            return "the inventory has no host in `brokers`: RabbitMQ is somebody else's"
        if fault.do == "cut" and len(self._brokers) == 1:
            return "there is one broker, and nobody it could be cut off from"
        if fault.do in ("cut", "slow-link"):
            # Which of them it will be is not known yet.
            probe = links.can_cut if fault.do == "cut" else links.can_slow
            each(self._brokers, lambda machine: probe(self._remote, machine, self._others(machine)))
        return None

    def _unit(self, fault: Fault) -> str:
        return WEB if fault.do.startswith("web-") else f"warren-worker@{pool_of(fault, self._contract)}-0.service"

    def _found(self, unit: str) -> tuple[Machine, str]:
        """The first host where it runs."""
        for name, units in self._units.items():
            if unit in units:
                return self._deployment.machines[name], unit
        raise RemoteError(f"{unit} runs on no host of the inventory")

    def _store(self) -> tuple[Machine, str]:
        found = [
            (machine, unit)
            for machine in self._deployment.group("results")
            for unit in sorted(self._units[machine.name])
            if not unit.startswith(("warren-", "rabbitmq"))
        ]
        if len(found) != 1:
            there = ", ".join(f"{unit} on {machine.name}" for machine, unit in found) or "none"
            raise RemoteError(f"which service keeps the results cannot be told: {there} runs in the group `results`")
        return found[0]

    def _app(self) -> list[Machine]:
        """Hosts with processes of the app, those of workers first."""
        with_app = [name for name, units in self._units.items() if any(unit.startswith("warren-") for unit in units)]
        machines = [self._deployment.machines[name] for name in with_app]
        return sorted(machines, key=lambda machine: "workers" not in machine.groups)

    def _others(self, machine: Machine) -> list[str]:
        """The other brokers, by the names under which brokers know each other."""
        return [other.name for other in self._brokers if other != machine]

    def _leader(self, fault: Fault) -> Machine:
        """The broker that leads the queue of the task; the first one when none does."""
        said = self._run(self._brokers[0], *leader_asked(self._contract))
        host = leader_host(said, self._contract.queue_of(fault.task))
        return next((each for each in self._brokers if each.name.partition(".")[0] == host), self._brokers[0])

    # What is done

    def _lasting_of(self, fault: Fault) -> Lasting:
        if fault.do == "results-down":
            machine, unit = self._store()
            return Lasting(machine, f"systemctl stop {unit}", f"systemctl start {unit}")
        if fault.do in ("worker-stop", "broker-stop"):
            of_worker = fault.do == "worker-stop"
            machine, unit = self._found(self._unit(fault)) if of_worker else (self._leader(fault), BROKER)
            # One that its watchdog has ended meanwhile has nothing to go on with.
            go_on = f"systemctl kill --signal=CONT {unit} || :"
            return Lasting(machine, f"systemctl kill --signal=STOP {unit}", go_on)
        machine = self._leader(fault)
        if fault.do == "cut":
            return Lasting(machine, *links.cut(self._remote, machine, self._others(machine)))
        if fault.do == "slow-link":
            return Lasting(machine, *links.slow(self._remote, machine, self._others(machine)))
        raised, as_before = alarms.raising(fault.do, self._run(machine, *alarms.STATUS))
        return Lasting(machine, " ".join(raised), " ".join(as_before))

    def _renew(self, machine: Machine, unit: str, kill: bool) -> None:
        """End it and wait until systemd has started it again."""
        before = self._pid(machine, unit)
        if kill:
            self._run(machine, "systemctl", "kill", "--signal=KILL", unit)
        else:
            self._restart(machine, unit)
        until(lambda: None if self._pid(machine, unit) not in ("0", before) else f"{unit} on {machine.name}")
        # systemd counts how often it had to, and waits longer each time; this one shall not count.
        self._run(machine, "systemctl", "reset-failed", unit)

    def _restart(self, machine: Machine, *units: str) -> None:
        self._remote.run(machine, "systemctl", "restart", *units, timeout=patience(self._contract))

    def _deploy(self) -> None:
        """What ansible/deploy.yml does once a release is there: host after host, each must work before the next."""
        for machine in self._app():
            self._restart(machine, *sorted(unit for unit in self._units[machine.name] if unit.startswith("warren-")))
            until(self._missing, patience(self._contract))

    # Whether all works

    def _missing(self) -> str | None:
        """Of what ran when we began."""
        now = self._active()
        gone = [f"{unit} on {name}" for name, units in self._units.items() for unit in sorted(units - now[name])]
        return ", ".join(gone) or unready(self._front, self._wanted)

    def _heal(self, machine: Machine) -> None:
        """Restart a broker that stays split from the others. Also after a Ctrl-C: nobody else does it.

        With pause_minority, RabbitMQ leaves a split alone that ended before each side had seen it.
        """
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            running, split = self._cluster(machine)
            if split:
                self._notes.append(f"after the cut {machine.name} stayed split from its cluster, and was restarted")
                self._restart(machine, BROKER)
            elif running == len(self._brokers):
                return
            time.sleep(1.0)
        raise NotReady(f"{machine.name} is not back in its cluster; there: systemctl restart {BROKER}")

    def _cluster_missing(self) -> str | None:
        running, split = self._cluster(self._brokers[0])
        missing = len(self._brokers) - running
        return f"{missing} of {len(self._brokers)} brokers in their cluster" if missing or split else None

    def _cluster(self, machine: Machine) -> tuple[int, bool]:
        """How many brokers run, as this one sees it, and whether it knows of a split."""
        try:
            said = json.loads(self._run(machine, "rabbitmqctl", "-q", "cluster_status", "--formatter", "json"))
        except RemoteError:
            return 0, False
        return len(said["running_nodes"]), bool(said["partitions"])

    def _active(self) -> dict[str, set[str]]:
        """Host to the units that are ready."""
        patterns = ("warren-*.service", BROKER, f"{TIMER}.timer", *self._stores)

        def listed(machine: Machine) -> set[str]:
            words = ("systemctl", "list-units", "--plain", "--no-legend", "--state=active", *patterns)
            return {line.split()[0] for line in self._run(machine, *words).splitlines() if line.strip()}

        return each(self._deployment.machines.values(), listed)

    def _pid(self, machine: Machine, unit: str) -> str:
        """Of the main process of a unit that is ready; 0 while it is not."""
        shown = self._run(machine, "systemctl", "show", "--property=MainPID,ActiveState", unit).split()
        found = dict(line.split("=", 1) for line in shown)
        return found["MainPID"] if found["ActiveState"] == "active" else "0"

    def _run(self, machine: Machine, *words: str) -> str:
        return self._remote.run(machine, *words, timeout=_ANSWER)


def _pools(units: set[str]) -> list[str]:
    """The pool of each worker among them."""
    names = [unit.removeprefix("warren-worker@").removesuffix(".service") for unit in units if "worker@" in unit]
    return [name.rpartition("-")[0] for name in names]
