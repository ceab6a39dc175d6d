"""`warren faults`: what breaks, under load, and what became of every task."""

from pathlib import Path

import click

from loadtests.commands.bench import POSITIVE


@click.command()
@click.argument("schedule", required=False, type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="NAME", help="This fault of the schedule; may be repeated.")
@click.option("--short", is_flag=True, help="Some seconds and a few hundred tasks a fault: that it works.")
@click.option("--nightly", is_flag=True, help="At least 80,000 tasks a fault.")
@click.option("--rate", type=POSITIVE, help="Tasks a second.  [default: as the schedule says]")
@click.option("--users", type=click.IntRange(1), default=64, show_default=True, help="Most requests in flight.")
@click.option("--seed", type=int, default=1, show_default=True, help="The plan of arrivals is drawn from it.")
@click.option(
    "--drain", type=POSITIVE, default=30.0, show_default=True, help="Give up on tasks after so many idle seconds."
)
@click.option("--stack", type=click.Path(path_type=Path), envvar="STACK_FILE", default="stack.yml", show_default=True)
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), default="results", show_default=True)
def faults(**options: object) -> None:
    """Play a SCHEDULE of faults, each under a load of its own, on a local stack that is taken away afterwards.

    Without a SCHEDULE: all that can be done to a local stack. For each fault: tasks accepted, finished, dead-lettered,
    missing, run twice and why; how long until the first success and until latency was back; a timeline.

    \b
    Example: warren faults --short
             warren faults --only worker-kill --only broker-restart --rate 100
             warren faults my-faults.yml --results results/faults
             warren faults --nightly

    Exit code: 0 all went as it should; 1 a fault did not come, or its run is not valid; 2 bad input; 3 a ledger does
    not balance; 130 interrupted.
    """
    if options["short"] and options["nightly"]:
        raise click.UsageError("--short and --nightly are two forms of it; choose one")
    from loadtests.faults.command import run

    raise SystemExit(run(options))
