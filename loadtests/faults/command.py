"""What `warren faults` does, from its options to an exit code."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.contract import Contract, ContractError, load_contract
from loadtests.analysis import manifest
from loadtests.analysis.join import BadResults
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import Load, PhaseFailed
from loadtests.bench.target import STACKS, Target, own_stack
from loadtests.faults import document, outcome, page, show
from loadtests.faults import schedule as schedules
from loadtests.faults.document import Faults
from loadtests.faults.local_hands import LocalHands, refusals
from loadtests.faults.play import play
from loadtests.faults.schedule import BadSchedule, Schedule
from loadtests.generator.run_id import new_run_id
from loadtests.local.errors import NoRabbitMQ, StackError

OK, FAILED, BAD_INPUT, UNBALANCED, INTERRUPTED = 0, 1, 2, 3, 130
# Seconds that a fault takes beyond its load: Locust starts, and drains.
AROUND = 8.0


@dataclass
class Asked:
    """What the options came to, all of it judged."""

    path: Path
    schedule: Schedule
    contract: Contract
    options: dict[str, Any]


def run(options: dict[str, Any]) -> int:
    """Run it; the exit code."""
    run_id = new_run_id()
    results: Path = options["results"] / run_id
    with BenchConsole() as console:
        try:
            asked = _asked(options)
        except (BadSchedule, ContractError) as error:
            console.say(f"Error: {error}")
            return BAD_INPUT
        found = _blank(asked, run_id)
        try:
            with own_stack(options["stack"], STACKS / run_id, console.status) as target:
                _play(asked, target, results, found, console)
        except KeyboardInterrupt:
            console.say("interrupted; stopped Locust and the stack")
            _show(results, found, console)
            return INTERRUPTED
        except NoRabbitMQ as error:
            console.say(f"Error: {error}")
            return BAD_INPUT
        except (PhaseFailed, StackError, BadResults, OSError) as error:
            console.say(f"Error: {error}")
            code = _show(results, found, console)
            return UNBALANCED if code == UNBALANCED else FAILED
        return _show(results, found, console)


def _asked(options: dict[str, Any]) -> Asked:
    """Raises BadSchedule or ContractError, before anything starts."""
    path: Path = options["schedule"] or schedules.DEFAULT
    contract = load_contract(options["stack"])
    form = schedules.SHORT if options["short"] else schedules.NIGHTLY if options["nightly"] else None
    schedule = schedules.chosen(schedules.read(path), options["only"], form, options["rate"])
    if said := refusals(schedule, contract):
        raise BadSchedule("\n".join(f"{path}: {each}" for each in said))
    return Asked(path, schedule, contract, options)


def _blank(asked: Asked, run_id: str) -> Faults:
    return Faults(
        run=run_id,
        target="local",
        started=time.time(),
        schedule=asked.path.name,
        rate=asked.schedule.rate,
        seed=asked.options["seed"],
        tasks=asked.schedule.tasks,
        settings=outcome.settings(asked.contract),
        machines=[],
        notes=[],
        faults=[],
    )


def _play(asked: Asked, target: Target, results: Path, found: Faults, console: BenchConsole) -> None:
    """Every fault in turn; what is known of each is in `found` as soon as it is known."""
    assert target.local is not None
    results.mkdir(parents=True, exist_ok=True)
    facts = manifest.manifest(target.contract, target.facts)
    manifest.write(results, facts)
    found.machines, found.notes = manifest.machines(facts), list(target.notes)
    schedule, options = asked.schedule, asked.options
    minutes = sum(schedule.length(fault) + AROUND for fault in schedule.faults.values()) / 60
    console.say(f"{len(schedule.faults)} faults at {schedule.rate:g} tasks/s: about {minutes:.0f} min")
    hands = LocalHands(target.local, asked.contract)
    load = Load(target.url, target.token, users=options["users"], seed=options["seed"], drain=options["drain"])
    for name in schedule.faults:
        folder = results / name
        folder.mkdir()
        manifest.write(folder, facts)
        one = play(name, schedule, hands, load, asked.contract, folder, found.run, console.status, console.tick(name))
        found.faults.append(one)
        document.write(results, found)
        book = one.ledger
        console.say(
            f"{name}: accepted {book.accepted:,}, finished {book.finished:,}, missing {book.missing:,}, "
            f"redelivered {book.redelivered:,}, ran twice {book.duplicated:,}"
        )


def _show(results: Path, found: Faults, console: BenchConsole) -> int:
    if not found.faults:
        return FAILED
    document.write(results, found)
    path = page.write(results, found)
    console.console.print(show.table(found))
    for sentence in show.sentences(found):
        console.say(sentence)
    console.say(f"report: {path}")
    if not found.balanced:
        return UNBALANCED
    return OK if found.valid else FAILED
