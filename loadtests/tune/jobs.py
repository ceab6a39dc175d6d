"""What a tuning is done for: the tasks, what there is to choose from for each, and what goes with it in time."""

import json
import os
from dataclasses import dataclass, field
from typing import Any

from app.contract import Contract
from app.units import parse_duration
from loadtests.tune import plan, safety, space
from loadtests.tune.candidate import NO_RESULTS, Candidate, present
from loadtests.tune.plan import Form
from loadtests.tune.stores import keeps_results

# What `--matrix` walks over: a task that does next to nothing and keeps its result, two that wait, one that computes.
MATRIX: tuple[tuple[str, list[Any]], ...] = (("add", [2, 3]), ("sleep", [0.01]), ("sleep", [0.1]), ("cpu", [0.01]))


@dataclass
class Job:
    """One task to tune for."""

    task: str
    args: Any
    pool: str
    keeps: bool
    axes: space.Axes = field(default_factory=dict)
    can: list[Candidate] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    first: Candidate | None = None

    def prepare(self, contract: Contract, stores: dict[str, str], given: dict[str, list[str]], form: Form) -> None:
        """Judge the combinations. Raises BadSpace."""
        cores = os.cpu_count() or 1
        names = list(stores) if self.keeps else [NO_RESULTS]
        self.first = present(contract, self.pool, names[0])
        if not form.rounds:  # the short form has one stack and one fault
            one: dict[str, list[str]] = {"queue_type": [self.first.queue_type], "confirms": ["on"]}
            given = one | given
        # A task that keeps no result has nothing to choose there.
        given = {axis: values for axis, values in given.items() if self.keeps or axis != "results"}
        self.axes = space.restricted(space.axes(contract, self.pool, cores, names), given)
        self.can, self.left_out = space.legal(self.axes, contract, self.pool, cores)
        if not [each for each in self.can if each != self.first]:
            raise space.BadSpace(f"{self.task}: no other combination can work: {'; '.join(self.left_out)}")


def jobs(options: dict[str, Any], contract: Contract) -> list[Job]:
    """What the options ask to tune for."""
    tasks = MATRIX if options["matrix"] else ((options["task"], json.loads(options["args"])),)
    found = []
    for task, args in tasks:
        queue = contract.queue_of(task)
        pool = next(name for name, each in contract.pools.items() if queue in each.queues)
        found.append(Job(task, args, pool, keeps_results(task)))
    return found


def stacks_cost(todo: list[Job]) -> float:
    """Seconds in which all stacks start: one for each queue type."""
    return plan.START * max(len(job.axes["queue_type"]) for job in todo)


def proofs_cost(form: Form, todo: list[Job]) -> float:
    """Seconds that the fault runs take."""
    faults = [danger.fault.do for corner in corners(todo) if (danger := safety.DANGERS[corner]).fault]
    controls = len(set(faults)) if form.rounds else 0
    load = parse_duration(form.before) + parse_duration(form.after) + safety.AROUND
    return (len(faults) + controls) * load + len(faults) * form.drain


def corners(todo: list[Job]) -> list[space.Corner]:
    """What of safety the walks give up anywhere."""
    found: list[space.Corner] = []
    for job in todo:
        assert job.first
        found += ["early-ack"] if "early" in job.axes["ack"] else []
        found += ["no-confirms"] if "off" in job.axes["confirms"] else []
        found += ["classic"] if "classic" in job.axes["queue_type"] and job.first.queue_type != "classic" else []
        found += ["rpc"] if space.RPC in job.axes["results"] else []
    return list(dict.fromkeys(found))
