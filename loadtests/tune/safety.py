"""What each unsafe setting can lose, and the fault run that shows it, beside the same run with safe settings."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from app.contract import Contract
from loadtests.bench.locust_run import Load, Tick
from loadtests.bench.target import Target
from loadtests.faults.document import Outcome
from loadtests.faults.local_hands import BROKER, LocalHands
from loadtests.faults.play import NOT_WHOLE, play
from loadtests.faults.schedule import Fault, Schedule
from loadtests.tune.document import Proof
from loadtests.tune.space import Corner

# Seconds for which a broker answers nothing before it dies, as a machine does that hangs and is then switched off.
HANG = 1.5
# Seconds that a run takes beyond its load and its draining: renewed processes, Locust's start, a broker's.
AROUND = 12.0
# Of the draining, the share that must be left when the stack is whole again: tasks need it to come back.
LEFT = 0.5


@dataclass(frozen=True)
class Danger:
    """`loses`: in a sentence after "it can lose". `fault`: what shows it; None: a ledger of tasks cannot."""

    loses: str
    fault: Fault | None
    done: str = ""


# Long enough that a worker has some in hand whenever it dies, however short the tasks are that are tuned.
_IN_HAND = {"task": "sleep", "args": [0.3]}
DANGERS: dict[Corner, Danger] = {
    "early-ack": Danger(
        "what its workers have begun: acknowledged already, so that nobody hands it out again",
        Fault(do="worker-kill", **_IN_HAND),
        "one worker was killed",
    ),
    "no-confirms": Danger(
        "what was sent and not yet stored: 202 is answered before the broker has it",
        Fault(do="broker-kill"),
        f"the broker hung for {HANG:g} s and was killed",
    ),
    "classic": Danger(
        "all of a queue with the disk of its one node, and dead letters on their way; and a message that keeps killing "
        "its worker is never put aside",
        Fault(do="broker-kill"),
        f"the broker hung for {HANG:g} s and was killed",
    ),
    "rpc": Danger("results, not tasks: each reaches only the process that sent the task, while that lives", None),
}


class Hands(LocalHands):
    """A broker that is killed has hung before."""

    def begin(self, fault: Fault) -> None:
        if fault.do == "broker-kill":
            self._freeze(BROKER)  # an interrupt meanwhile lets it go on again
            time.sleep(HANG)
            self._stopped.clear()  # what is killed does not go on
        super().begin(fault)


@dataclass(frozen=True)
class Seen:
    """Of one fault run. `reasons`: why it tells nothing; then there are no numbers."""

    accepted: int = 0
    missing: int = 0
    reasons: list[str] = field(default_factory=list)


@dataclass
class Trial:
    """Plays faults on stacks of this contract. `before`, `after`: of load around them, as durations are written."""

    contract: Contract
    load: Load
    results: Path
    run: str
    rate: float
    before: str
    after: str
    drain: float
    status: Callable[[str], None]
    tick: Callable[[str], Tick]

    def seen(self, name: str, fault: Fault, target: Target) -> Seen:
        """What that fault took; of an invalid run, why it says nothing. Raises as `play` does."""
        came = self.play(name, fault, target)
        if reasons := against(came, self.drain):
            return Seen(reasons=reasons)
        return Seen(came.ledger.accepted, came.ledger.missing)

    def play(self, name: str, fault: Fault, target: Target) -> Outcome:
        """One fault on that stack. Raises PhaseFailed, StackError, BadResults."""
        assert target.local
        schedule = Schedule.model_validate(
            {"version": 1, "rate": self.rate, "before": self.before, "after": self.after, "faults": {name: fault}}
        )
        folder = self.results / name
        folder.mkdir(parents=True)
        load = Load(target.url, target.token, users=self.load.users, seed=self.load.seed, drain=self.drain)
        hands = Hands(target.local, self.contract)
        return play(name, schedule, hands, load, self.contract, folder, self.run, self.status, self.tick(name))


def against(came: Outcome, drain: float) -> list[str]:
    """Why what is missing in that run says nothing of a loss; empty: it does.

    A stack that came back after the load only is no reason, as long as its tasks had time to be done afterwards.
    """
    reasons = [each for each in came.reasons if each != NOT_WHOLE]
    if NOT_WHOLE in came.reasons:
        over = (came.started or 0.0) + came.seconds
        if came.ended is None or came.ended > over + (1 - LEFT) * drain:
            reasons.append(NOT_WHOLE)
    return reasons


def proof(corner: Corner) -> Proof:
    """What is known of a corner before any fault."""
    danger = DANGERS[corner]
    return Proof(corner=corner, can_lose=danger.loses, fault=danger.done)
