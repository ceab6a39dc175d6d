"""`warren gate`: does a result meet its objectives, and is it no worse than an earlier one?"""

from pathlib import Path

import click

from loadtests import documents
from loadtests.analysis import result as results_file
from loadtests.analysis.join import BadResults
from loadtests.analysis.result import Result
from loadtests.commands import options as shared
from loadtests.exits import BAD_INPUT, FAILED, OK
from loadtests.gate import against, junit, slo
from loadtests.gate.slo import Objective, Outcome, Verdict

COLOURS = {Outcome.MET: "green", Outcome.NOT_MET: "red", Outcome.CANNOT_TELL: "yellow"}


def objectives_of(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> list[Objective]:
    """Parsed objectives, for click. Raises BadParameter."""
    try:
        return [slo.parse(text) for text in texts]
    except slo.BadObjective as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("result", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--slo", "objectives", multiple=True, callback=objectives_of, metavar="OBJECTIVE", help="May be repeated."
)
@click.option("--against", "earlier", type=click.Path(exists=True, path_type=Path), help="An earlier result.")
@click.option(
    "--tolerance",
    type=click.FloatRange(0),
    default=10.0,
    show_default=True,
    help="With --against: worse by so many per cent is no failure.",
)
@click.option("--other-machine", is_flag=True, help="With --against: compare although the machines differ, and say so.")
@click.option("--junit", "junit_file", type=click.Path(dir_okay=False, path_type=Path), help="Write JUnit XML as well.")
@shared.results
def gate(
    result: Path | None,
    objectives: list[Objective],
    earlier: Path | None,
    tolerance: float,
    other_machine: bool,
    junit_file: Path | None,
    results: Path,
) -> None:
    """Judge RESULT, a result.json or its run's folder, and tell by the exit code. Without it: the newest in --results.

    An objective is a latency (p50, p90, p95, p99, p99.9, max: p99<500ms), a number or share of tasks (lost, duplicated,
    failed, dead_lettered, revoked, expired, redelivered, refused, unknown: lost=0, failed<0.1%), or the rate
    (rate>=400). Unless there is one for lost tasks, the ledger must balance.

    \b
    Example: warren gate --slo 'p99<500ms' --slo lost=0 --slo 'rate>=40'  # after `warren bench`
             warren gate --against results/RUN --tolerance 15 --junit gate.xml  # RUN: an earlier `warren bench`

    Exit code: 0 all met; 1 something is not met, or the run is not valid; 2 bad input, or an objective of which the run
    can say nothing (too few tasks for the percentile).
    """
    if not objectives and not earlier:
        raise click.UsageError("nothing to judge by; give --slo or --against")
    try:
        if result is None:
            cure = "make one with `warren bench`"
            result = documents.newest(results, results_file.FILE, cure, BadResults).parent
            click.echo(f"newest result: {result}")
            if earlier and _folder(earlier).resolve() == result.resolve():
                raise BadResults(f"{result} is the one to compare with; run `warren bench` again, or name a RESULT")
        found = _read(result)
        verdicts = [slo.judge(objective, found) for objective in objectives]
        if not any(objective.name in slo.LOST for objective in objectives):
            verdicts.append(slo.ledger(found))
        notes: list[str] = []
        if earlier:
            then, folders = _read(earlier), (_folder(result), _folder(earlier))
            notes = against.comparable(found, then, folders, other_machine)
            more, about = against.judge(found, then, folders, tolerance / 100)
            verdicts, notes = verdicts + more, notes + about
        if junit_file:
            junit.write(junit_file, f"warren.{found.scenario}", verdicts)
    except (BadResults, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(BAD_INPUT) from error
    click.echo(f"run {found.run}, {found.scenario}")
    for verdict in verdicts:
        click.echo(f"{click.style(f'{verdict.outcome.value:<11}', COLOURS[verdict.outcome])}  {verdict.objective}")
        click.echo(f"             {verdict.reason}")
    for note in notes:
        click.echo(f"note: {note}")
    raise SystemExit(_code(verdicts))


def _code(verdicts: list[Verdict]) -> int:
    outcomes = {verdict.outcome for verdict in verdicts}
    if Outcome.NOT_MET in outcomes:
        return FAILED
    return BAD_INPUT if Outcome.CANNOT_TELL in outcomes else OK


def _read(path: Path) -> Result:
    return results_file.read(path) if path.is_dir() else results_file.read_file(path)


def _folder(path: Path) -> Path:
    return path if path.is_dir() else path.parent
