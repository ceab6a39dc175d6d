"""One tuning: every task's walk, then the proofs; what is known is in `found`, and on disk, as soon as it is known."""

import time

from loadtests.tune import judge
from loadtests.tune.jobs import Job, proofs_cost, stacks_cost
from loadtests.tune.proofs import prove
from loadtests.tune.session import Session
from loadtests.tune.walk import walk


def tune(session: Session, todo: list[Job]) -> None:
    """Raises StackError, PhaseFailed, BadResults where nothing can go on."""
    began = time.monotonic()
    proofs = proofs_cost(session.form, todo)
    try:
        for number, job in enumerate(todo):
            # The first walk starts the stacks of all, so it gets the time for that beside its share.
            stacks = 0.0 if number else stacks_cost(todo)
            seconds = (session.left() - proofs - stacks) / (len(todo) - number) + stacks
            walk(session, job, f"{number + 1}-{job.task}", time.monotonic() + seconds)
        prove(session, todo)
    finally:
        session.found.seconds = time.monotonic() - began
        for each in session.found.walks:
            judge.decide(each, session.ground.contract)
