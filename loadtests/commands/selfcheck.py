"""`warren selfcheck`: is what the instrument says true?"""

from pathlib import Path

import click

from loadtests.commands import options as shared
from loadtests.selfcheck.checks import CHECKS, listing


@click.command()
@click.option("--only", multiple=True, type=click.Choice(list(CHECKS)), help="This check; may be repeated.")
@click.option("--short", is_flag=True, help="Some seconds a check; without a-a and a-b, unless they are named.")
@click.option("--list", "list_them", is_flag=True, help="Say which checks there are, and do nothing.")
@click.option("--need-all", is_flag=True, help="What could not be done or told fails too.")
@click.option(
    "--vegeta", type=click.Path(path_type=Path), help="The program.  [default: on PATH, or as `make tools` has it]"
)
@click.option(
    "--perf-test",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with the jars of RabbitMQ's PerfTest.  [default: as `make tools` has it]",
)
@shared.seed
@shared.stack
@shared.results
def selfcheck(list_them: bool, **options: object) -> None:
    """Hold what Warren measures against what is known beforehand, and against instruments that are not ours.

    A stall that we make must be in the percentiles as computed by hand; a saturated generator must say so; percentiles
    over HTTP must agree with vegeta's, and rates of messages with those of RabbitMQ's PerfTest; a thing compared with
    itself must not be called different, and one made 10 % slower must be seen.

    What a busy machine spoils is done again, then "not told"; what lacks its instrument is "not done". Both are said.

    \b
    Example: warren selfcheck --short
             warren selfcheck --only stall --only saturated
             warren selfcheck --need-all  # after `make tools ARGS='vegeta perf-test'`

    Exit code: 0 no check failed; 1 one did; 2 bad input; 130 interrupted.
    """
    if list_them:
        for line in listing():
            click.echo(line)
        return
    from loadtests.selfcheck.command import run

    raise SystemExit(run(options))
