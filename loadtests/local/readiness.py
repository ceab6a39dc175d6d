"""Waiting until the parts of a stack work, with progress, and giving up at once when one of them cannot."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.broker.names import PLAIN
from app.contract import Contract
from loadtests import interrupt
from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.local.errors import NotReady
from loadtests.local.rabbitmq import accepts_connections
from loadtests.local.rabbitmq_files import NodeFiles
from loadtests.local.state import StackState
from loadtests.local.supervisor import Supervisor

Progress = Callable[[str], None]
_EVERY = 0.2
_FRESH = 10.0  # seconds; a worker touches its heartbeat file each second


@dataclass
class Waiting:
    """One wait. `strict`: a child that ends meanwhile ends the wait; it is what happens at a first start."""

    supervisor: Supervisor
    progress: Progress
    strict: bool = False
    timeout: float = 90.0

    def until(self, ready: Callable[[], str | None], culprit: Callable[[], str | None] = lambda: None) -> None:
        """Until `ready` returns None; what it returns instead is shown as progress whenever it changes."""
        began = time.monotonic()
        said = None
        while (missing := ready()) is not None:
            interrupt.check()
            if missing != said:
                self.progress(f"waiting for {missing}")
                said = missing
            crashed = next(iter(self.supervisor.history().crashes), None) if self.strict else None
            if crashed:
                raise NotReady(f"{crashed} ended while starting:\n{self._tail(crashed)}")
            if time.monotonic() - began > self.timeout:
                name = culprit()
                log = f":\n{self._tail(name)}" if name else ""
                raise NotReady(f"not ready within {self.timeout:.0f} s, still waiting for {missing}{log}")
            time.sleep(_EVERY)

    def _tail(self, name: str, lines: int = 25) -> str:
        path = self.supervisor.child_log(name)
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else "(no log)"


def wait_for_broker(node: NodeFiles, waiting: Waiting) -> None:
    """Until a client can log in."""
    waiting.until(lambda: None if accepts_connections(node) else "RabbitMQ", lambda: "rabbitmq")
    waiting.progress("RabbitMQ is ready")


def wait_for_app(state: StackState, contract: Contract, waiting: Waiting) -> None:
    """Until the front end hands tasks on, and every worker and the plain consumer read their queues."""
    waiting.until(lambda: _not_running(waiting.supervisor))
    waiting.until(lambda: None if _web_ready(state) else "the front end", lambda: "web")
    waiting.progress("the front end is ready")
    waiting.until(lambda: _consumers_missing(state, contract))
    waiting.until(lambda: _heartbeats_missing(state))
    waiting.progress("all workers consume")


def _not_running(supervisor: Supervisor) -> str | None:
    # STARTING is supervisord's word for the first second of a process.
    return ", ".join(n for n, i in supervisor.states().items() if i["statename"] not in ("RUNNING", "STARTING")) or None


def _web_ready(state: StackState) -> bool:
    try:
        FrontEnd(state.url, state.token or "").get("/readyz")
    except FrontEndError:
        return False
    return True


def _consumers_missing(state: StackState, contract: Contract) -> str | None:
    """How many processes should read each queue follows from stack.yml; the broker says how many do."""
    wanted = Counter({PLAIN: 1})
    for pool in contract.pools.values():
        wanted.update(dict.fromkeys(pool.queues, pool.process_count()))
    return consumers_missing(FrontEnd(state.url, state.token or ""), wanted)


def consumers_missing(front: FrontEnd, wanted: Counter[str]) -> str | None:
    """Queue → how many should read it. None when they all do, as the broker tells the front end."""
    try:
        missing = wanted - Counter({queue["name"]: queue["consumers"] for queue in front.queues()})
    except FrontEndError as error:
        return f"the front end to tell who reads the queues ({error})"
    return f"{missing.total()} of {wanted.total()} consumers" if missing else None


def _heartbeats_missing(state: StackState) -> str | None:
    stale = [name for name, file in state.heartbeats.items() if _age(Path(file)) > _FRESH]
    return f"a sign of life from {', '.join(stale)}" if stale else None


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")
