"""What `warren compare` does, from its options to an exit code."""

import itertools
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from app.contract import ContractError, load_contract
from loadtests.analysis import manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.histograms import fewest
from loadtests.analysis.join import BadResults
from loadtests.analysis.stages import HEADLINE
from loadtests.bench.comparisons import pairs
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import Load, Phase, PhaseFailed, run_phase
from loadtests.bench.plan import LONGEST
from loadtests.bench.target import STACKS, NoTarget, Target, by_url, own_stack
from loadtests.bench.verdict import judge as judge_phase
from loadtests.compare import comparison as comparisons
from loadtests.compare import show
from loadtests.compare.comparison import Comparison, Run
from loadtests.compare.difference import fewest_runs
from loadtests.exits import BAD_INPUT, FAILED, INTERRUPTED, INVALID, OK, UNBALANCED
from loadtests.generator.run_id import new_run_id
from loadtests.local.errors import NoRabbitMQ, StackError

WARMUP = 1.0
# Seconds of a run, unless a percentile takes longer; and how many more tasks than it needs: arrivals are drawn.
SECONDS, MARGIN = 4.0, 1.2
# Seconds that a run takes beyond its length: Locust starts, and drains.
AROUND = 4.0


def run(options: dict[str, Any]) -> int:
    """Run it; the exit code."""
    _check(options)
    options |= {"seconds": options["seconds"] or length(options["rate"])}
    run_id = new_run_id()
    results: Path = options["results"] / run_id
    with BenchConsole() as console:
        try:
            with _sides(options, run_id, console) as (loads, targets):
                comparison = measure(loads, targets, results, run_id, options, console)
        except KeyboardInterrupt:
            kept = f" What was measured: {results}" if results.exists() else ""
            console.say(f"interrupted; stopped Locust and the stacks.{kept}")
            return INTERRUPTED
        except (NoTarget, ContractError, NoRabbitMQ) as error:
            console.say(f"Error: {error}")
            return BAD_INPUT
        except (PhaseFailed, StackError, BadResults, OSError) as error:
            console.say(f"Error: {error}")
            return INVALID
        return _show(comparison, results, options, console)


def _check(options: dict[str, Any]) -> None:
    """Raises UsageError for options that do not go together."""
    if options["baseline"] and options["b"]:
        raise click.UsageError("--baseline is compared with one stack; leave out the other")
    if not options["baseline"] and not options["b"]:
        raise click.UsageError("compare needs two of them, A and B, or --baseline")
    if options["baseline"] and "://" in (options["a"] or ""):
        raise click.UsageError("--baseline compares two stacks on this machine; give a stack.yml, or nothing")
    if options["baseline"] and (options["task"] or options["scenario"] != "noop"):
        raise click.UsageError("--baseline knows the task noop only; leave out --task and --scenario")
    fewest = fewest_runs(len(comparisons.metrics(options["rate"])))
    if options["repeats"] < fewest:
        raise click.UsageError(f"fewer than {fewest} runs a side can never show a difference; more --repeats")


def length(rate: float | None) -> float:
    """Seconds of a run when none are given: at a rate, as many as the judged percentiles take, within bounds."""
    if rate is None:
        return SECONDS
    return min(LONGEST, max(SECONDS, MARGIN * max(map(fewest, comparisons.PERCENTILES)) / rate))


@contextmanager
def _sides(
    options: dict[str, Any], run_id: str, console: BenchConsole
) -> Iterator[tuple[dict[str, Load], dict[str, Target]]]:
    """Both stacks, up at once so that they can be measured in turn."""
    what: tuple[str, ...] = ("--scenario", options["scenario"])
    if options["task"] or options["baseline"]:
        what = ("--task", options["task"] or "noop", "--args", options["args"])
    for text in (options["a"], options["b"]):  # both, before anything starts
        if text and "://" not in text:
            load_contract(Path(text))
    common = Load(url="", what=what, users=options["users"], seed=options["seed"], drain=options["drain"])
    with ExitStack() as stacks:

        def side(name: str, text: str) -> Target:
            if "://" in text:
                return by_url(text, options["token"], options["ca"])
            directory = STACKS / f"{run_id}-{name.lower()}"
            return stacks.enter_context(
                own_stack(Path(text), directory, lambda said: console.status(f"{name}: {said}"))
            )

        if options["baseline"]:
            from loadtests.bench.tutorial import tutorial_stack

            ours = side("B", options["a"] or "stack.yml")
            assert ours.local is not None
            url = stacks.enter_context(tutorial_stack(ours.local, console.status))
            targets = {"A": Target(url, "", {"target": "tutorial", "url": url}), "B": ours}
        else:
            targets = {"A": side("A", options["a"]), "B": side("B", options["b"])}
        yield {name: _load(common, target) for name, target in targets.items()}, targets


def _load(common: Load, target: Target) -> Load:
    ca = ("--ca", target.ca) if target.ca else ()
    return replace(common, url=target.url, token=target.token, what=(*common.what, *ca))


def measure(
    loads: dict[str, Load],
    targets: dict[str, Target],
    results: Path,
    run_id: str,
    options: dict[str, Any],
    console: BenchConsole,
) -> Comparison:
    rate, seconds, repeats = options["rate"], options["seconds"], options["repeats"]
    results.mkdir(parents=True, exist_ok=True)
    facts = manifest.manifest(None, {name: target.facts for name, target in targets.items()})
    facts["contract"] = {name: target.contract for name, target in targets.items()}
    manifest.write(results, facts)
    minutes = 2 * repeats * (seconds + WARMUP + AROUND) / 60
    console.say(f"{repeats} runs a side of {seconds:g} s, in turn: about {minutes:.0f} min")
    if rate and (few := [name for name in comparisons.PERCENTILES if rate * seconds < fewest(name)]):
        enough = math.ceil(MARGIN * fewest(few[-1]) / rate)
        console.say(f"{', '.join(few)} will not be told: too few tasks in a run; --seconds {enough} has enough")

    about = {name: manifest.manifest(target.contract, target.facts) for name, target in targets.items()}

    numbers = {side: itertools.count(1) for side in loads}

    def once(load: Load, side: str, name: str) -> Run:
        folder = results / name
        folder.mkdir()
        manifest.write(folder, about[side])
        return _once(load, folder, run_id, name, rate, seconds, console)

    def arm(side: str, name: str) -> Run:
        # Each pair meets arrivals of its own, or all would tell of one sequence of gaps; its two sides meet the same.
        load = replace(loads[side], seed=options["seed"] + next(numbers[side]))
        found = once(load, side, name)
        if not found.reasons:
            return found
        # Something else on the machine may have come in between; what comes again is no accident.
        console.say(f"{name} is run again: {'; '.join(found.reasons)}")
        return once(load, side, f"{name}-again")

    started = time.time()
    one, other = pairs(
        {side: lambda name, side=side: arm(side, name) for side in loads},  # type: ignore[misc]
        repeats,
        options["seed"],
        console.say,
        "run",
        _shown if rate is None else _shown_latency,
    )
    found = Comparison(
        run=run_id,
        started=started,
        a=options["baseline"] or options["a"],
        b=options["b"] or options["a"] or "stack.yml",
        what=list(loads["B"].what),
        rate=rate,
        seconds=seconds,
        seed=options["seed"],
        machines=manifest.machines(facts),
        runs={"A": one, "B": other},
        notes=_notes(targets),
    )
    comparisons.judge(found, options["tolerance"] / 100)
    comparisons.write(results, found)
    return found


def _notes(targets: dict[str, Target]) -> list[str]:
    notes = sorted({note for target in targets.values() for note in target.notes})
    if all(target.local for target in targets.values()):
        notes.append("both stacks were up throughout; the one that was not being measured was idle")
    return notes


def _once(
    load: Load, folder: Path, run_id: str, name: str, rate: float | None, seconds: float, console: BenchConsole
) -> Run:
    """One run, in a folder of its own that `warren report` can show."""
    arrivals = "poisson" if rate else "constant"
    run_phase(load, Phase(name, seconds, WARMUP, rate, arrivals), folder, f"{run_id}.{name}", console.tick(name))
    probe, result = judge_phase(folder, name, rate), analyse(folder, Asked())
    latency, reasons = result.latency.get(HEADLINE), list(result.reasons)
    # A rate that a stack cannot sustain is no reason: latency counts from the schedule, so that its backlog shows.
    if probe.done <= 0 and not reasons:
        reasons.append(probe.why)
    return Run(
        name=name,
        rate=probe.done,
        p50=latency and latency.p50,
        p90=latency and latency.p90,
        p99=latency and latency.p99,
        missing=result.ledger.missing,
        duplicated=result.ledger.duplicated,
        balanced=result.ledger.balanced,
        reasons=reasons,
    )


def _shown(run: Run) -> str:
    return f"{run.rate:,.0f}/s"


def _shown_latency(run: Run) -> str:
    from loadtests.report.terminal import seconds

    return f"p50 {seconds(run.p50)}"


def _show(comparison: Comparison, results: Path, options: dict[str, Any], console: BenchConsole) -> int:
    console.say(f"A {comparison.a}\nB {comparison.b}")
    for reason in comparison.reasons:
        console.say(f"INVALID: {reason}")
    if comparison.differences:
        console.console.print(show.table(comparison))
    for each in comparison.differences:
        console.say(show.sentence(each))
    for side, runs in comparison.runs.items():
        if lost := sum(run.missing for run in runs):
            console.say(f"{side} LOST {lost:,} tasks that it had accepted")
        if twice := sum(run.duplicated for run in runs):
            console.say(f"{side} ran {twice:,} tasks more than once")
    for note in comparison.notes:
        console.say(f"note: {note}")
    console.say(f"comparison: {results / comparisons.FILE}")
    if not comparison.balanced:
        return UNBALANCED
    if not comparison.valid:
        return INVALID
    return FAILED if any(each.worse for each in comparison.differences) else OK
