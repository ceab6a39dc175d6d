"""What `warren bench` does, from its options to an exit code."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.contract import ContractError
from loadtests.analysis.join import BadResults
from loadtests.analysis.result import Result
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import Load, PhaseFailed
from loadtests.bench.plan import SHORT, BenchPlan
from loadtests.bench.session import Session
from loadtests.bench.target import STACKS, NoTarget, Target, by_url, own_stack
from loadtests.exits import BAD_INPUT, FAILED, INTERRUPTED, OK, UNBALANCED
from loadtests.generator.run_id import new_run_id
from loadtests.local.errors import NoRabbitMQ, StackError
from loadtests.report import page, terminal


def run(options: dict[str, Any]) -> int:
    """Run it; the exit code."""
    check(options)
    run_id = new_run_id()
    results: Path = options["results"] / run_id
    with BenchConsole() as console:
        try:
            with target_of(options, run_id, console) as target:
                session = _session(options, target, results, run_id, console)
                result = _measure(session, options, target)
            console.status("drawing the report")
            return _show(results, result, console, options["open_report"])
        except KeyboardInterrupt:
            console.say(f"interrupted; stopped Locust and the stack. What was measured: {results}")
            return _show_kept(results, console, INTERRUPTED)
        except (NoTarget, ContractError, NoRabbitMQ) as error:
            console.say(f"Error: {error}")
            return BAD_INPUT
        except (PhaseFailed, StackError, BadResults, OSError) as error:
            console.say(f"Error: {error}")
            return _show_kept(results, console, FAILED)


def check(options: dict[str, Any]) -> None:
    """Raises UsageError for options that do not go together."""
    if options["broker"] and not (options["task"] and options["queue"]):
        raise click.UsageError("--broker needs --task and --queue: what to publish, and where")
    if options["broker"] and options["url"]:
        raise click.UsageError("--broker and --url are two ways in; choose one")
    if options["queue"] and not options["broker"]:
        raise click.UsageError("--queue goes with --broker; a front end knows each task's queue")
    if options["target"] == "hosts" and (options["url"] or options["broker"]):
        raise click.UsageError("--target hosts takes the front end from the inventory; leave out --url and --broker")
    if options["inventory"] and options["target"] != "hosts":
        raise click.UsageError("--inventory goes with --target hosts")
    if (options["namespace"] or options["context"]) and options["target"] != "kubernetes":
        raise click.UsageError("--namespace and --context go with --target kubernetes")
    if options["target"] in ("kubernetes", "cloudfoundry") and options["broker"]:
        raise click.UsageError(f"--target {options['target']} takes the front end that is there; leave out --broker")
    if options["app"] and options["target"] != "cloudfoundry":
        raise click.UsageError("--app goes with --target cloudfoundry")
    if options["broker"] and options["cost"]:
        raise click.UsageError("--cost asks a front end when the queues are empty; leave out --cost or --broker")
    elsewhere = [f"--{name}" for name in ("url", "broker") if options[name]]
    elsewhere += [f"--target {options['target']}"] if options["target"] != "local" else []
    if options["baseline"] and elsewhere:
        raise click.UsageError(f"--baseline compares two stacks on this machine; leave out {', '.join(elsewhere)}")
    if options["ca"] and not Path(options["ca"]).is_file():
        raise click.UsageError(f"--ca {options['ca']}: there is no such file")


@contextmanager
def target_of(options: dict[str, Any], run_id: str, console: BenchConsole) -> Iterator[Target]:
    """The stack that the options name, for as long as the context lasts. Raises NoTarget, ContractError, StackError."""
    if options["broker"]:
        from loadtests.bench.foreign import by_broker

        yield by_broker(options["broker"], options["queue"])
    elif options["target"] == "hosts":
        from loadtests.bench.hosts import by_inventory

        with by_inventory(options["inventory"] or "", options["token"], options["ca"], console.status) as target:
            yield target
    elif options["target"] == "kubernetes":
        from loadtests.bench.kubernetes import by_namespace
        from loadtests.kubernetes.kubectl import Kubectl

        kubectl = Kubectl(options["namespace"] or Kubectl.namespace, options["context"] or "")
        with by_namespace(kubectl, options["url"] or "", options["token"], options["ca"], console.status) as target:
            yield target
    elif options["target"] == "cloudfoundry":
        from loadtests.bench.cloudfoundry import by_app
        from loadtests.cloudfoundry.deployment import NAME

        way = options["app"] or NAME, options["url"] or "", options["token"], options["ca"]
        with by_app(*way, console.status) as target:
            yield target
    elif options["url"]:
        yield by_url(options["url"], options["token"], options["ca"])
    else:
        with own_stack(options["stack"], STACKS / run_id, console.status) as target:
            yield target


def _session(options: dict[str, Any], target: Target, results: Path, run_id: str, console: BenchConsole) -> Session:
    plan = SHORT if options["short"] else BenchPlan()
    plan = replace(plan, share=options["share"] or plan.share, latency=options["seconds"] or plan.latency)
    return Session(
        load=load_of(options, target),
        results=results,
        run=run_id,
        plan=plan,
        say=console.say,
        tick=console.tick,
        facts=target.facts,
        contract=target.contract,
        sampler=target.sampler,
        clocks=target.clocks,
        # Recorded traffic has a rate of its own.
        rate=options["rate"] or (1.0 if options["replay"] else None),
        notes=list(target.notes),
    )


def load_of(options: dict[str, Any], target: Target) -> Load:
    """What the options say is sent, to that target."""
    what = ["--scenario", options["scenario"]]
    if options["task"]:
        what = ["--task", options["task"], "--args", options["args"]]
    if options["replay"]:
        what = ["--replay", str(options["replay"])]
    if options["broker"]:
        what += ["--queue", options["queue"]]
    if target.ca:
        what += ["--ca", target.ca]
    return Load(
        url=target.url,
        token=target.token,
        what=tuple(what),
        users=options["users"],
        generators=options["generators"],
        seed=options["seed"],
        drain=options["drain"],
        environment={"WARREN_BROKER_URL": options["broker"]} if options["broker"] else {},
    )


def _measure(session: Session, options: dict[str, Any], target: Target) -> Result:
    result = session.measure()
    if options["baseline"] or options["cost"]:
        from loadtests.bench.comparisons import compare

        session.comparisons = compare(session, target, options)
        result = session.account()
    return result


def _show(results: Path, result: Result, console: BenchConsole, open_report: bool | None) -> int:
    path = page.write(results, result)
    terminal.show(result, console.console)
    console.say(f"report: {path}")
    if open_report or (open_report is None and _desktop()):
        click.launch(str(path))
    if not result.ledger.balanced:
        return UNBALANCED
    return OK if result.valid else FAILED


def _show_kept(results: Path, console: BenchConsole, code: int) -> int:
    """The report of what an ended bench left, if it left anything."""
    from loadtests.analysis import result as results_file

    try:
        kept = results_file.read(results)
        page.write(results, kept)
        terminal.show(kept, console.console)
    except (BadResults, OSError):
        pass
    return code


def _desktop() -> bool:
    if not sys.stdout.isatty():
        return False
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
