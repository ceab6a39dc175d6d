"""Who does a fault to a stack. Each target has hands of its own, and says beforehand what they cannot do."""

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from app.broker.names import PLAIN
from app.contract import Contract
from loadtests import interrupt
from loadtests.faults.schedule import Fault, Schedule
from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.hosts.remote import RemoteError
from loadtests.kubernetes.kubectl import KubectlError
from loadtests.local.errors import NotReady
from loadtests.local.readiness import consumers_missing

# What a target's own tool says when it fails.
FAILURES = (RemoteError, KubectlError)
# Seconds for a part to come back, beyond what stack.yml gives a worker to finish its task; and for a stack that nothing
# was done to.
PATIENCE, AT_FIRST = 240.0, 60.0
# What the second half of a fault's name means, in words.
HOW = {"kill": "SIGKILL to", "stop": "SIGSTOP to", "restart": "restart of"}
_EVERY = 0.5
_TRIES, _PAUSE = 8, 2.0


class Hands(Protocol):
    """The hands of a target, for one stack."""

    def aim(self, fault: Fault) -> None:
        """Find out what it takes, before there is load: to ask may take seconds, which are not the fault's."""

    def begin(self, fault: Fault) -> None:
        """Do it."""

    def end(self, fault: Fault) -> None:
        """Put back what goes on, and wait until the whole stack works again. Harmless when nothing had begun."""


class Elsewhere(Hands, Protocol):
    """For a stack that was there before and stays: what is done to it is said first."""

    def refusals(self, schedule: Schedule) -> dict[str, str]:
        """Name of a fault of the schedule → why it cannot be done here. Asks the target; changes nothing."""

    def about(self, fault: Fault) -> str:
        """What will be done, and to what."""


def pool_of(fault: Fault, contract: Contract) -> str:
    """Whose worker is meant: the pool that is named, or the one that runs the task."""
    queue = contract.queue_of(fault.task)
    return fault.pool or next(name for name, each in contract.pools.items() if queue in each.queues)


def no_pool(fault: Fault, contract: Contract) -> str | None:
    """A complaint about a pool that stack.yml does not have."""
    if not fault.pool or fault.pool in contract.pools:
        return None
    return f"stack.yml has no pool {fault.pool}; it has {', '.join(contract.pools)}"


def readers(contract: Contract, workers: Counter[str], plain: bool) -> Counter[str]:
    """How many read each queue while so many worker processes of each pool run. `plain`: the plain consumer does."""
    wanted: Counter[str] = Counter()
    for pool, count in workers.items():
        if pool in contract.pools:
            wanted.update(dict.fromkeys(contract.pools[pool].queues, count))
    return wanted + Counter({PLAIN: int(plain)})


def patience(contract: Contract) -> float:
    """Seconds that a part may take to come back: a worker may finish its task first."""
    return PATIENCE + contract.stop.timeout


def leader_asked(contract: Contract) -> tuple[str, ...]:
    """The command that tells which broker leads which queue; `leader_host` reads its answer."""
    asked = ("list_queues", "--vhost", contract.broker.vhost, "name", "leader", "--formatter", "json")
    return ("rabbitmqctl", "--silent", *asked)


def leader_host(said: str, queue: str) -> str:
    """The host of the queue's leader, without its domain; empty when none leads it."""
    leader = {each["name"]: each["leader"] for each in json.loads(said)}.get(queue) or ""
    return str(leader).partition("@")[2].partition(".")[0]


def unready(front: FrontEnd, wanted: Counter[str]) -> str | None:
    """What the front end, or who reads the queues behind it, lacks."""
    try:
        front.get("/readyz")
    except FrontEndError:
        return "the front end"
    return consumers_missing(front, wanted)


def until(missing: Callable[[], str | None], within: float = PATIENCE) -> None:
    """Until nothing is missing, nor the target fails to answer. Raises NotReady with what still is."""
    deadline = time.monotonic() + within
    while True:
        try:
            what = missing()
        except FAILURES as error:
            what = str(error)
        if what is None:
            return
        interrupt.check()
        if time.monotonic() > deadline:
            raise NotReady(f"the stack is not whole within {within:.0f} s, still waiting for {what}")
        time.sleep(_EVERY)


def put_back(undo: Callable[[], object], by_hand: str) -> None:
    """Do it, whatever comes in between: a Ctrl-C reaches ssh and kubectl as well, and the target may be busy.

    Raises NotReady, with what then has to be done by hand, when it cannot be done.
    """
    interrupted, why = False, ""
    for _ in range(_TRIES):
        try:
            if why:
                time.sleep(_PAUSE)
            undo()
            break
        except KeyboardInterrupt:
            interrupted = True
        except FAILURES as error:
            why = str(error)
    else:
        raise NotReady(f"the fault was not put back: {why}\nDo it by hand: {by_hand}")
    if interrupted:
        raise KeyboardInterrupt
