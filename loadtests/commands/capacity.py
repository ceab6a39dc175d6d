"""`warren capacity` and `warren plan`: what a stack carries within objectives, and what another load takes."""

from pathlib import Path

import click

from loadtests.commands import options as shared
from loadtests.commands.gate import objectives_of
from loadtests.commands.options import POSITIVE


def _counts(_context: click.Context, _parameter: click.Parameter, text: str | None) -> list[int]:
    try:
        counts = [int(each) for each in text.split(",")] if text else []
    except ValueError:
        counts = [0]
    if any(count < 1 for count in counts) or len(set(counts)) < len(counts):
        raise click.BadParameter(f"{text!r} is no list of different numbers above 0; write 1,2,3")
    return counts


@click.command()
@click.option(
    "--slo", "objectives", multiple=True, callback=objectives_of, metavar="OBJECTIVE", help="May be repeated."
)
@click.option(
    "--workers", callback=_counts, metavar="N,N,…", help="Measure with each of these counts of worker processes."
)
@click.option("--short", is_flag=True, help="In about a minute: that it works, with hardly a model.")
@click.option("--seconds", type=POSITIVE, help="Length of a run.  [default: 8; with --short 4]")
@shared.where
@shared.what
@shared.users
@shared.generators
@shared.seed
@shared.drain
@shared.stack
@shared.results
def capacity(**options: object) -> None:
    """Find the highest rate that meets the objectives, name what saturates first, and fit a model for `warren plan`.

    Objectives are those of `warren gate`. A queue that grows meets none, however short its latency was. With several
    --workers each count gets a stack of its own, one after the other.

    \b
    Example: warren capacity --short --slo 'p99<500ms' --slo lost=0
             warren capacity --slo 'p99<1s' --task sleep --args '[0.1]' --workers 1,2,3

    Exit code: 0 a rate was found; 1 none, or one not high enough; 2 bad input; 3 a ledger does not balance; 130
    interrupted.
    """
    from loadtests.capacity.command import run

    raise SystemExit(run(options))


@click.command()
@click.option("--rate", type=POSITIVE, required=True, help="Tasks a second to come.")
@click.option(
    "--slo", "objectives", multiple=True, callback=objectives_of, metavar="OBJECTIVE", help="May be repeated."
)
@click.option("--from", "source", type=click.Path(path_type=Path), help="A capacity.json.  [default: the newest]")
@click.option("--other-machine", is_flag=True, help="Plan although it was measured on another machine, and say so.")
@click.option("--write", is_flag=True, help="Write the count into stack.yml; its comments stay.")
@shared.stack
@shared.results
def plan(**options: object) -> None:
    """How many worker processes a rate takes within objectives, by the model that `warren capacity` fitted.

    Without --slo the objectives are those that `warren capacity` was given. No part is planned over 90 % busy.

    \b
    Example: warren plan --rate 100 --slo 'p99<1s'  # after `warren capacity`
             warren plan --rate 100 --slo 'p99<1s' --write  # the same, and into stack.yml
             warren plan --rate 100 --from results/RUN/capacity.json  # RUN: an earlier run of `warren capacity`

    Exit code: 0 planned; 1 no number of workers does it; 2 bad input.
    """
    from loadtests.capacity.plan_command import run

    raise SystemExit(run(options))
