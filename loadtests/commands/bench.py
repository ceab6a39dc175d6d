"""`warren bench`: what a stack carries, how long tasks wait and where, and that none is lost."""

from pathlib import Path

import click

from loadtests.commands import options as shared
from loadtests.commands.options import POSITIVE


@click.command()
@shared.where
@shared.what
@click.option(
    "--replay", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Arrivals from a CSV file."
)
@click.option(
    "--broker", help="With --task and --queue: publish straight to this broker, for a stack that is not ours."
)
@click.option("--queue", help="With --broker: the queue to publish to.")
@click.option("--rate", type=POSITIVE, help="Do not search; read latency at this many tasks a second.")
@click.option("--seconds", type=POSITIVE, help="Length of the latency run.")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), help="Read latency at this share.  [default: 0.7]")
@click.option("--short", is_flag=True, help="Everything in about a minute: that it works, not how fast.")
@shared.users
@shared.generators
@shared.seed
@shared.drain
@click.option(
    "--baseline", type=click.Choice(["tutorial"]), help="Also run the tutorials' way, interleaved; print the ratio."
)
@click.option("--cost", is_flag=True, help="Also measure what measuring costs.")
@click.option("--repeats", type=click.IntRange(3), default=5, show_default=True, help="Pairs of --baseline and --cost.")
@shared.stack
@shared.results
@click.option("--open/--no-open", "open_report", default=None, help="Open the report.  [default: in a desktop session]")
def bench(**options: object) -> None:
    """Find the highest rate a stack sustains, read latency below it, account for every task, write a report.

    \b
    Example: warren bench
             warren bench --task sleep --args '[0.05]' --rate 50 --seconds 30
             warren bench --url http://127.0.0.1:8080 --scenario mix  # after `warren up`, or any other front end
             warren bench --target hosts --inventory inventory/lab.yml  # deployed before: docs/hosts.md
             warren bench --target kubernetes --namespace warren  # deployed before: docs/kubernetes.md
             warren bench --target cloudfoundry --app warren  # deployed before: docs/cloudfoundry.md

    Exit code: 0 a valid result; 1 none; 2 bad input; 3 the ledger does not balance; 130 interrupted.
    """
    from loadtests.bench.command import run

    raise SystemExit(run(options))
