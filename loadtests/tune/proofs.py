"""A fault run for each unsafe corner that was walked, and one with safe settings beside it."""

from loadtests.analysis.join import BadResults
from loadtests.bench.locust_run import PhaseFailed
from loadtests.faults.schedule import Fault
from loadtests.local.errors import NoRabbitMQ, StackError
from loadtests.tune import document, judge, safety, space
from loadtests.tune.candidate import Candidate
from loadtests.tune.jobs import Job, corners
from loadtests.tune.session import Session

# Tasks a second of a fault run: every worker has some in hand, and any machine carries them.
FAULT_RATE = 40.0


def prove(session: Session, todo: list[Job]) -> None:
    """A fault run for each unsafe corner, and one with safe settings beside it."""
    walk, job = session.found.walks[0], todo[0]
    judge.decide(walk, session.ground.contract)
    base = walk.best or walk.present
    trial = safety.Trial(
        contract=session.ground.contract,
        load=session.load,
        results=session.ground.results / "faults",
        run=session.found.run,
        rate=FAULT_RATE,
        before=session.form.before,
        after=session.form.after,
        drain=session.form.drain,
        status=session.console.status,
        tick=session.console.tick,
    )
    controls: dict[str, safety.Seen] = {}
    for corner in corners(todo):
        proof = safety.proof(corner)
        session.found.proofs.append(proof)
        fault = safety.DANGERS[corner].fault
        twin = next((each for each in space.twins(base, job.axes, session.ground.contract) if corner in
                     space.corners(each, session.ground.contract)), None)  # fmt: skip
        if fault is None or twin is None:
            continue
        session.console.say(f"what {corner} loses when {proof.fault}: {twin}")
        seen = _fault(session, trial, corner, fault, twin, job.pool)
        proof.reasons += seen.reasons
        control = safety.Seen()
        if session.form.rounds:
            # One that failed is not tried again either.
            if fault.do not in controls:
                controls[fault.do] = _fault(session, trial, f"safe-{fault.do}", fault, base, job.pool)
            control = controls[fault.do]
            proof.reasons += [f"with safe settings: {each}" for each in control.reasons]
        proof.told = not proof.reasons
        if proof.told:
            proof.accepted, proof.missing = seen.accepted, seen.missing
            proof.control_accepted, proof.control_missing = control.accepted, control.missing
        session.console.say(proof.sentence)
        document.write(session.ground.results, session.found)


def _fault(
    session: Session, trial: safety.Trial, name: str, fault: Fault, candidate: Candidate, pool: str
) -> safety.Seen:
    """What one fault took from these settings; when it cannot be told, why. Others may be told all the same."""
    try:
        return trial.seen(name, fault, session.ground.target(candidate, pool))
    except NoRabbitMQ:
        raise
    except (StackError, PhaseFailed, BadResults) as error:
        session.ground.drop(candidate)
        return safety.Seen(reasons=[str(error).strip().splitlines()[0]])
