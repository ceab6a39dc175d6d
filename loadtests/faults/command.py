"""What `warren faults` does, from its options to an exit code."""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from app.contract import Contract, ContractError, load_contract
from loadtests.analysis import manifest
from loadtests.analysis.join import BadResults
from loadtests.bench.command import check, target_of
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import Load, PhaseFailed
from loadtests.bench.target import NoTarget, Target
from loadtests.exits import BAD_INPUT, FAILED, INTERRUPTED, OK, UNBALANCED
from loadtests.faults import document, outcome, page, show
from loadtests.faults import schedule as schedules
from loadtests.faults.document import Faults
from loadtests.faults.hands import FAILURES, Elsewhere, Hands, patience
from loadtests.faults.local_hands import LocalHands, refusals
from loadtests.faults.play import play
from loadtests.faults.schedule import BadSchedule, Schedule
from loadtests.generator.front_end import FrontEnd
from loadtests.generator.run_id import new_run_id
from loadtests.local.errors import NoRabbitMQ, StackError

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
    _check(options)
    run_id = new_run_id()
    results: Path = options["results"] / run_id
    local = options["target"] == "local"
    with BenchConsole() as console:
        found: Faults | None = None
        try:
            path, schedule = _schedule(options)
            if local:
                _refuse(path, refusals(schedule, load_contract(options["stack"])))
            with target_of(options, run_id, console) as target:
                contract = Contract.model_validate(target.contract)
                hands = _hands(target, contract)
                asked = Asked(path, schedule, contract, options)
                if not isinstance(hands, LocalHands):
                    asked.schedule, left_out = _possible(asked, hands)
                    target.notes += left_out
                    for note in left_out:
                        console.say(note)
                    _allowed(asked, hands, console)
                found = _blank(asked, run_id)
                _play(asked, target, hands, results, found, console)
        except KeyboardInterrupt:
            console.say(f"interrupted; stopped Locust and {'the stack' if local else 'put back what was broken'}")
            _show(results, found, console)
            return INTERRUPTED
        except (BadSchedule, ContractError, NoTarget, NoRabbitMQ) as error:
            console.say(f"Error: {error}")
            return BAD_INPUT
        except (PhaseFailed, StackError, BadResults, OSError, *FAILURES) as error:
            console.say(f"Error: {error}")
            code = _show(results, found, console)
            return UNBALANCED if code == UNBALANCED else FAILED
        return _show(results, found, console)


def _check(options: dict[str, Any]) -> None:
    """Raises UsageError for options that do not go together."""
    options |= dict.fromkeys(("broker", "queue", "baseline"))
    check(options)
    if options["target"] == "cloudfoundry":
        raise click.UsageError("there are no hands for --target cloudfoundry: what breaks there is the platform's")
    if options["target"] == "local" and options["url"]:
        raise click.UsageError("a URL alone cannot be broken; say how to reach what is behind it: --target hosts …")


def _schedule(options: dict[str, Any]) -> tuple[Path, Schedule]:
    """Raises BadSchedule, before anything starts."""
    path: Path = options["schedule"] or schedules.DEFAULTS[options["target"]]
    form = schedules.SHORT if options["short"] else schedules.NIGHTLY if options["nightly"] else None
    return path, schedules.chosen(schedules.read(path), options["only"], form, options["rate"])


def _refuse(path: Path, said: list[str]) -> None:
    if said:
        raise BadSchedule("\n".join(f"{path}: {each}" for each in said))


def _hands(target: Target, contract: Contract) -> LocalHands | Elsewhere:
    """Those of the target. Raises RemoteError or KubectlError when its stack does not work."""
    front = FrontEnd(target.url, target.token, target.ca)
    if target.hosts:
        from loadtests.faults.hosts_hands import HostsHands

        return HostsHands(*target.hosts, front, target.notes)
    if target.cluster:
        from loadtests.faults.kubernetes_hands import KubernetesHands

        return KubernetesHands(target.cluster, contract, front)
    assert target.local is not None
    return LocalHands(target.local, contract)


def _possible(asked: Asked, hands: Elsewhere) -> tuple[Schedule, list[str]]:
    """What of it the target can do, and notes about the rest. Raises BadSchedule where that was asked for by name."""
    cannot = hands.refusals(asked.schedule)
    target = asked.options["target"]
    if asked.options["schedule"] or asked.options["only"] or len(cannot) == len(asked.schedule.faults):
        _refuse(asked.path, [f"faults.{name}: the target {target} cannot do it: {why}" for name, why in cannot.items()])
    faults = {name: fault for name, fault in asked.schedule.faults.items() if name not in cannot}
    notes = [f"{name} was left out: {why}" for name, why in cannot.items()]
    return asked.schedule.model_copy(update={"faults": faults}), notes


def _allowed(asked: Asked, hands: Elsewhere, console: BenchConsole) -> None:
    """Says what will be done to a stack that may have users. Raises BadSchedule unless that is wanted."""
    console.say(f"what will be done, each under {asked.schedule.rate:g} tasks/s:")
    for name, fault in asked.schedule.faults.items():
        lasts = f" for {fault.lasts:g} s" if fault.lasts else ""
        console.say(f"  {name}: {hands.about(fault)}{lasts}")
    if asked.options["yes_break_it"]:
        return
    if not sys.stdin.isatty():
        raise BadSchedule("this hurts whoever uses the stack; nothing was done. If it may be: --yes-break-it")
    if not console.ask("This hurts whoever uses the stack. Break it?"):
        raise BadSchedule("nothing was done")


def _blank(asked: Asked, run_id: str) -> Faults:
    return Faults(
        run=run_id,
        target=asked.options["target"],
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


def _play(asked: Asked, target: Target, hands: Hands, results: Path, found: Faults, console: BenchConsole) -> None:
    """Every fault in turn; what is known of each is in `found` as soon as it is known."""
    results.mkdir(parents=True, exist_ok=True)
    facts = manifest.manifest(target.contract, target.facts)
    manifest.write(results, facts)
    found.machines, found.notes = manifest.machines(facts), list(target.notes)
    schedule, options = asked.schedule, asked.options
    minutes = sum(schedule.length(fault) + AROUND for fault in schedule.faults.values()) / 60
    console.say(f"{len(schedule.faults)} faults at {schedule.rate:g} tasks/s: about {minutes:.0f} min")
    what = ("--ca", target.ca) if target.ca else ()
    # No shorter than a deployed stack may take to come back: what nobody waited for is not lost.
    drain = max(options["drain"], 0.0 if target.local else patience(asked.contract))
    load = Load(target.url, target.token, what, users=options["users"], seed=options["seed"], drain=drain)
    for name in schedule.faults:
        folder = results / name
        folder.mkdir()
        manifest.write(folder, facts)
        say, tick = console.status, console.tick(name)
        one = play(name, schedule, hands, load, asked.contract, folder, found.run, say, tick, target.clocks)
        found.faults.append(one)
        target.notes += [f"{name}: {note}" for note in one.notes]
        found.notes = list(target.notes)
        document.write(results, found)
        book = one.ledger
        console.say(
            f"{name}: accepted {book.accepted:,}, finished {book.finished:,}, missing {book.missing:,}, "
            f"redelivered {book.redelivered:,}, ran twice {book.duplicated:,}"
        )


def _show(results: Path, found: Faults | None, console: BenchConsole) -> int:
    if not found or not found.faults:
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
