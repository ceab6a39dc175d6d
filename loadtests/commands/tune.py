"""`warren tune`: which settings suit a task here, and what each unsafe one could lose."""

from pathlib import Path

import click
from click.core import ParameterSource

from app.units import parse_duration
from loadtests.analysis.stages import HEADLINE
from loadtests.commands import options as shared
from loadtests.commands.gate import objectives_of
from loadtests.gate.slo import PERCENTILES, Objective

_PERCENTILES = [name for name in PERCENTILES if name != "max"]


def _objective(context: click.Context, parameter: click.Parameter, text: str | None) -> Objective | None:
    if text is None:
        return None
    (found,) = objectives_of(context, parameter, (text,))
    if found.name not in _PERCENTILES or found.compare not in ("<", "<=") or found.stage != HEADLINE:
        raise click.BadParameter(f"{text!r}: a percentile of a task's latency is wanted: {', '.join(_PERCENTILES)}")
    return found


def _axes(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, list[str]]:
    found = {}
    for text in texts:
        axis, equals, values = text.partition("=")
        if not equals or not values.strip(","):
            raise click.BadParameter(f"{text!r}: an axis and its values are wanted: kind=solo,threads")
        found[axis.strip()] = [value.strip() for value in values.split(",") if value.strip()]
    return found


def _seconds(_context: click.Context, _parameter: click.Parameter, text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option("--task", default="noop", show_default=True, help="What to tune for; the pool that runs it is tuned.")
@click.option("--args", default="[]", callback=shared.json_value, help="Its arguments: a JSON list, or an object.")
@click.option("--matrix", is_flag=True, help="Instead of one task: short and long ones, with and without results.")
@click.option("--budget", callback=_seconds, default="20m", show_default=True, help="Time for all of it.")
@click.option("--short", is_flag=True, help="Two or three candidates within a minute: that it works.")
@click.option(
    "--slo",
    "objective",
    callback=_objective,
    metavar="OBJECTIVE",
    help="Best within it, such as p99<500ms.  [default: twice that of the present settings]",
)
@click.option("--axis", "axes", multiple=True, callback=_axes, metavar="NAME=VALUE,…", help="Only these values of it.")
@click.option("--result-store", "stores", multiple=True, metavar="URL", help="Try this one too, first of all.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="Measure nothing: a tune.json or its folder.")
@click.option("--write", is_flag=True, help="Write the best safe settings into stack.yml; its comments stay.")
@click.option("--other-machine", is_flag=True, help="Write although it was measured on another machine, and say so.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write it as a document as well.")
@shared.users
@shared.seed
@shared.drain
@shared.stack
@shared.results
def tune(**options: object) -> None:
    """Walk the matrix of settings for a task, by successive halving within a time budget, on stacks of its own here.

    The axes: kind, processes, concurrency, prefetch, queue_type, ack (late, early), confirms (on, off), results. What
    could lose tasks is measured too, marked, shown by a fault run to lose them, and never recommended. The best safe
    settings are those with the highest throughput within the objective; what is not told apart from stack.yml as it is
    changes nothing.

    \b
    Example: warren tune --short
             warren tune --task sleep --args '[0.05]' --budget 20m --slo 'p99<500ms'
             warren tune --axis kind=solo,threads --axis prefetch=8,64,256
             warren tune --matrix --budget 25m --markdown docs/tuning.md
             warren tune --from results/RUN --write  # RUN: as `warren tune` named it

    Exit code: 0 settings were chosen, or what is there stays; 1 nothing was told; 2 bad input; 3 safe settings lost
    tasks; 130 interrupted.
    """
    given = click.get_current_context().get_parameter_source("budget") is not ParameterSource.DEFAULT
    if options["short"] and (given or options["matrix"]):
        raise click.UsageError("--short is a form of its own; leave out --budget and --matrix")
    if options["matrix"] and options["args"] != "[]":
        raise click.UsageError("--matrix has tasks of its own; leave out --args")
    from loadtests.tune.command import run

    raise SystemExit(run(options))
