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
    proofs, stacks = proofs_cost(session.form, todo), stacks_cost(todo)
    try:
        for number, job in enumerate(todo):
            seconds = (session.left() - proofs - (0 if number else stacks)) / (len(todo) - number)
            walk(session, job, f"{number + 1}-{job.task}", time.monotonic() + seconds)
        prove(session, todo)
    finally:
        session.found.seconds = time.monotonic() - began
        for each in session.found.walks:
            judge.decide(each, session.ground.contract)
