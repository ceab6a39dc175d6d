"""Faults by the hands of the local target: signals, rabbitmqctl, and the result store's own lock."""

import os
import signal
import sqlite3
import time
from collections.abc import Callable

from app.contract import Contract
from loadtests import interrupt
from loadtests.faults.hands import no_pool, pool_of
from loadtests.faults.schedule import Fault, Kind, Schedule
from loadtests.local.errors import NotReady
from loadtests.local.processes import results_elsewhere
from loadtests.local.stack import LocalStack

# What this target cannot do, and who can.
CANNOT: dict[Kind, str] = {
    "cut": "on loopback there is no link to cut; --target hosts can",
    "slow-link": "on loopback there is no link to slow down",
}
BROKER, WEB = "rabbitmq", "web"
# Seconds for one process to end in order and start again, beyond what stack.yml gives it to stop.
PATIENCE = 60.0
_EVERY = 0.1


def refusals(schedule: Schedule, contract: Contract) -> list[str]:
    """What of a schedule a local stack of that contract cannot do, in sentences."""
    found = []
    for name, fault in schedule.faults.items():
        if fault.do in CANNOT:
            found.append(f"faults.{name}: the local target cannot do {fault.do}: {CANNOT[fault.do]}")
        if said := no_pool(fault, contract):
            found.append(f"faults.{name}.pool: {said}")
        if fault.do == "results-down" and (where := results_elsewhere()):
            found.append(f"faults.{name}: {where} puts the results elsewhere, where local hands do not reach; unset it")
    return found


class LocalHands:
    """For one running stack."""

    def __init__(self, stack: LocalStack, contract: Contract) -> None:
        self._stack, self._contract = stack, contract
        self._lock: sqlite3.Connection | None = None
        self._stopped: set[int] = set()

    def aim(self, fault: Fault) -> None:
        """Nothing has to be asked here."""

    def begin(self, fault: Fault) -> None:
        worker = self._worker(fault)
        doing: dict[str, Callable[[], object]] = {
            "worker-kill": lambda: self._renew([worker], signal.SIGKILL),
            "worker-restart": lambda: self._renew([worker], signal.SIGTERM),
            "worker-stop": lambda: self._freeze(worker),
            "web-kill": lambda: self._renew([WEB], signal.SIGKILL),
            "web-restart": lambda: self._renew([WEB], signal.SIGTERM),
            "broker-kill": lambda: self._renew([BROKER], signal.SIGKILL),
            "broker-restart": self._stack.restart_broker,
            "broker-stop": lambda: self._freeze(BROKER),
            "memory-alarm": lambda: self._stack.memory_alarm(True),
            "disk-alarm": lambda: self._stack.disk_alarm(True),
            "results-down": self._lock_results,
            "deploy": self._deploy,
        }
        doing[fault.do]()

    def end(self, fault: Fault) -> None:
        for pid in self._stopped:
            os.kill(pid, signal.SIGCONT)
        self._stopped.clear()
        if self._lock:
            self._lock.close()
            self._lock = None
        if fault.do == "memory-alarm":
            self._stack.memory_alarm(False)
        if fault.do == "disk-alarm":
            self._stack.disk_alarm(False)
        self._stack.wait_ready()

    def _worker(self, fault: Fault) -> str:
        """The first worker of the pool that is meant."""
        return f"worker-{pool_of(fault, self._contract)}-0"

    def _freeze(self, name: str) -> None:
        self._stopped.add(self._stack.kill(name, signal.SIGSTOP))

    def _renew(self, names: list[str], how: signal.Signals) -> None:
        """End these and wait until the supervisor has started each again."""
        before = self._restarts()
        for name in names:
            self._stack.kill(name, how)
        deadline = time.monotonic() + PATIENCE + self._contract.stop.timeout
        while any(self._restarts()[name] == before[name] for name in names):
            interrupt.check()
            if time.monotonic() > deadline:
                raise NotReady(f"{', '.join(names)} did not come back after {how.name}")
            time.sleep(_EVERY)

    def _restarts(self) -> dict[str, int]:
        return {process.name: process.restarts for process in self._stack.processes()}

    def _deploy(self) -> None:
        """What a release does: one half of the workers in order, then the other, then the front end."""
        workers = [process.name for process in self._stack.processes() if process.role == "worker"]
        for half in (workers[::2], workers[1::2], [WEB]):
            if half:
                self._renew(half, signal.SIGTERM)
                self._stack.wait_ready()

    def _lock_results(self) -> None:
        """SQLite has one writer at a time: whoever holds that lock keeps all results from being stored."""
        path = self._stack.directory / "data" / "results.db"
        self._lock = sqlite3.connect(path, isolation_level=None, timeout=10.0)
        self._lock.execute("BEGIN IMMEDIATE")
