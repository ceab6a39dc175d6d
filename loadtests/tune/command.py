"""What `warren tune` does, from its options to an exit code."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from app.contract import ContractError, load_contract
from app.settings import SettingsError
from loadtests.analysis import manifest
from loadtests.analysis.join import BadResults
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import Load, PhaseFailed
from loadtests.capacity.search import CannotTell
from loadtests.exits import BAD_INPUT, FAILED, INTERRUPTED, UNBALANCED
from loadtests.generator.run_id import new_run_id
from loadtests.local.errors import NoRabbitMQ, StackError
from loadtests.stack_file import CannotChange
from loadtests.tune import document, markdown, offer, page, plan, show
from loadtests.tune.document import BadTune, Tune
from loadtests.tune.ground import Ground
from loadtests.tune.jobs import Job, jobs, proofs_cost, stacks_cost
from loadtests.tune.plan import LONG, SHORT, Form
from loadtests.tune.session import Session
from loadtests.tune.space import BadSpace
from loadtests.tune.stores import addresses, named
from loadtests.tune.tuning import tune

# Seconds that `--short` may take on a machine that is busy; one that is free needs a quarter of them.
SHORT_BUDGET = 240.0


def run(options: dict[str, Any]) -> int:
    """Run it; the exit code."""
    if options["source"]:
        return _of_a_run(options)
    run_id = new_run_id()
    results: Path = options["results"] / run_id
    form = SHORT if options["short"] else LONG
    with BenchConsole() as console:
        found: Tune | None = None
        try:
            with _session(options, form, run_id, results, console) as (session, todo):
                found = session.found
                tune(session, todo)
        except KeyboardInterrupt:
            console.say("interrupted; stopped Locust and the stacks")
            if found:
                found.interrupted = True
                _show(found, results, options, console)
            return INTERRUPTED
        except (ContractError, SettingsError, NoRabbitMQ, BadSpace, CannotChange, CannotTell) as error:
            _failed(error, found, results, options, console)
            return BAD_INPUT
        except (PhaseFailed, StackError, BadResults, OSError) as error:
            _failed(error, found, results, options, console)
            return FAILED
        return _show(found, results, options, console)


@contextmanager
def _session(
    options: dict[str, Any], form: Form, run_id: str, results: Path, console: BenchConsole
) -> Iterator[tuple[Session, list[Job]]]:
    """All that can be judged is judged before anything starts."""
    source: Path = options["stack"]
    contract = load_contract(source)
    todo = jobs(options, contract)
    budget = SHORT_BUDGET if options["short"] else options["budget"]
    with addresses(options["stores"] or named(), any(job.keeps for job in todo)) as (stores, notes):
        for job in todo:
            job.prepare(contract, stores, options["axes"], form)
        needed = plan.least(form, len(todo), stacks_cost(todo) + proofs_cost(form, todo))
        if budget < needed:
            raise BadSpace(
                f"--budget {budget:g}s is too short for even one rung of two candidates: at least {needed:,.0f}s"
            )
        found = Tune(
            run=run_id,
            started=time.time(),
            budget=budget,
            seed=options["seed"],
            machines=[],
            stack=source.name,
            notes=notes,
        )
        with Ground(source, contract, results, run_id, stores, console.status) as ground:
            load = Load(url="", users=options["users"], seed=options["seed"], drain=options["drain"])
            yield Session(ground, found, form, console, load, options["objective"]), todo


def _failed(
    error: Exception, found: Tune | None, results: Path, options: dict[str, Any], console: BenchConsole
) -> None:
    """Say it, and show what is known all the same."""
    console.say(f"Error: {error}")
    if found:
        found.error = str(error).strip().partition("\n")[0] or type(error).__name__
        _show(found, results, options, console)


def _show(found: Tune, results: Path, options: dict[str, Any], console: BenchConsole) -> int:
    if not any(walk.measured for walk in found.walks):
        return FAILED
    document.write(results, found)
    path = page.write(results, found)
    for each in show.tune(found):
        console.say(each) if isinstance(each, str) else console.console.print(each)
    console.say(f"report: {path}")
    return _code(found, _hand_on(found, results, options))


def _code(found: Tune, handed: int) -> int:
    """What the run comes to. `handed`: the code of what was made of it."""
    if not found.balanced:
        return UNBALANCED
    return handed if found.walks and all(walk.best for walk in found.walks) else FAILED


def _of_a_run(options: dict[str, Any]) -> int:
    """What is to be made of an earlier run."""
    try:
        found = document.read(options["source"])
    except BadTune as error:
        click.echo(f"Error: {error}", err=True)
        return BAD_INPUT
    folder = options["source"] if options["source"].is_dir() else options["source"].parent
    return _code(found, _hand_on(found, folder, options))


def _hand_on(found: Tune, results: Path, options: dict[str, Any]) -> int:
    """The document, if asked for, and stack.yml with the best safe settings as a diff."""
    if options["markdown"]:
        try:
            markdown.write(options["markdown"], found, manifest.read(results))
        except OSError as error:
            click.echo(f"Error: {options['markdown']}: {error.strerror}", err=True)
            return BAD_INPUT
        click.echo(f"written: {options['markdown']}")
    return offer.stack_file(options["stack"], found, results, options["write"], options["other_machine"])
