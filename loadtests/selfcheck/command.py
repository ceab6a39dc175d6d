"""What `warren selfcheck` does, from its options to an exit code."""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pika.exceptions import AMQPError

from app.contract import ContractError, load_contract
from loadtests.analysis import manifest
from loadtests.analysis.join import BadResults
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import PhaseFailed
from loadtests.exits import BAD_INPUT, FAILED, INTERRUPTED, OK
from loadtests.generator.broker import BrokerUnusable
from loadtests.generator.run_id import new_run_id
from loadtests.local.errors import NoRabbitMQ, StackError
from loadtests.selfcheck import checks, document, page, show
from loadtests.selfcheck.checks import Kind
from loadtests.selfcheck.document import Check, Row, SelfCheck, Verdict
from loadtests.selfcheck.ground import Ground, NotDone, NotTold, ProgramFailed
from loadtests.selfcheck.others import Others, busy

# A machine that is too busy to tell is given so many chances; fewer in the short form.
TRIES, SHORT_TRIES = 3, 2


@dataclass(frozen=True)
class _Try:
    """What one try came to. `again`: it may come out otherwise when the machine is free."""

    verdict: Verdict
    why: str
    rows: list[Row]
    again: bool = False


def run(options: dict[str, Any]) -> int:
    """Run it; the exit code."""
    run_id = new_run_id()
    results: Path = options["results"] / run_id
    with BenchConsole() as console:
        try:
            load_contract(options["stack"])
        except ContractError as error:
            console.say(f"Error: {error}")
            return BAD_INPUT
        kinds = checks.chosen(options["only"], options["short"])
        seconds = sum(kind.about(options["short"]) for kind in kinds.values())
        console.say(f"{len(kinds)} checks: about {seconds:.0f} s where the machine is free")
        found = _blank(options, run_id, results)
        ground = Ground(
            folder=results,
            run=run_id,
            short=options["short"],
            seed=options["seed"],
            stack=options["stack"],
            console=console,
            vegeta=options["vegeta"],
            perf_test=options["perf_test"],
        )
        try:
            for name, kind in kinds.items():
                found.checks.append(_check(name, kind, ground))
                document.write(results, found)
                console.say(show.line(found.checks[-1]))
        except KeyboardInterrupt:
            console.say("interrupted; stopped what was started")
            _show(results, found, console)
            return INTERRUPTED
        _show(results, found, console)
        return code(found, options["need_all"])


def code(found: SelfCheck, need_all: bool) -> int:
    """The exit code. What was not done or told fails nothing, unless all of it is needed."""
    if found.names("failed"):
        return FAILED
    return FAILED if need_all and (found.names("not done") or found.names("not told")) else OK


def _blank(options: dict[str, Any], run_id: str, results: Path) -> SelfCheck:
    results.mkdir(parents=True, exist_ok=True)
    facts = manifest.manifest(None, {"target": "front ends and a broker of the self-check"})
    manifest.write(results, facts)
    return SelfCheck(
        run=run_id,
        started=time.time(),
        short=options["short"],
        seed=options["seed"],
        machines=manifest.machines(facts),
        checks=[],
    )


def _check(name: str, kind: Kind, ground: Ground) -> Check:
    """Do it, and again while a busy machine keeps it from being told."""
    began = time.monotonic()
    tries = SHORT_TRIES if ground.short else TRIES
    for number in range(1, tries + 1):
        here = replace(ground, folder=ground.folder / (name if number == 1 else f"{name}-{number}"), notes=[])
        with Others() as others:
            told = _try(kind, here, others)
        if not told.again:
            break
        if number < tries:
            ground.console.say(f"{name}: {told.why}; again")
    return Check(
        name=name,
        what=kind.what,
        verdict=told.verdict,
        why=told.why,
        rows=told.rows,
        notes=here.notes,
        tries=number,
        seconds=time.monotonic() - began,
        others=others.cores,
    )


def _try(kind: Kind, ground: Ground, others: Others) -> _Try:
    try:
        rows = kind.run(ground)
    except (NotDone, NoRabbitMQ) as error:
        return _Try("not done", str(error), [])
    except NotTold as error:
        return _Try("not told", str(error), [], again=True)
    except (ProgramFailed, PhaseFailed, StackError, BadResults, BrokerUnusable, AMQPError, OSError) as error:
        why = str(error) or repr(error)
        # Programs start late and end late on a busy machine.
        return _Try("not told", why, [], again=True) if busy(others.so_far()) else _Try("failed", why, [])
    return judge(rows, others.so_far())


def judge(rows: list[Row], others: float) -> _Try:
    """The verdict on one try. `others`: cores that other programs used meanwhile."""
    bad = [row for row in rows if not row.ok]
    said = "; ".join(f"{row.what}: {row.seen} for {row.expected}" for row in bad)
    if not bad:
        return _Try("passed", "", rows)
    if busy(others) and all(row.by_clock for row in bad):
        return _Try("not told", f"the machine was busy, others used {others:.1f} cores: {said}", rows, again=True)
    return _Try("failed", said, rows)


def _show(results: Path, found: SelfCheck, console: BenchConsole) -> None:
    document.write(results, found)
    path = page.write(results, found)
    if found.checks:
        console.console.print(show.table(found))
    for sentence in show.sentences(found):
        console.say(sentence)
    console.say(f"report: {path}")
