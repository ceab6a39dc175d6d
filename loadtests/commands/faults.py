"""`warren faults`: what breaks, under load, and what became of every task."""

from pathlib import Path

import click

from loadtests.commands import options as shared
from loadtests.commands.options import POSITIVE


@click.command()
@click.argument("schedule", required=False, type=click.Path(path_type=Path))
@click.option("--only", multiple=True, metavar="NAME", help="This fault of the schedule; may be repeated.")
@click.option("--short", is_flag=True, help="Some seconds and a few hundred tasks a fault: that it works.")
@click.option("--nightly", is_flag=True, help="At least 80,000 tasks a fault.")
@click.option("--rate", type=POSITIVE, help="Tasks a second.  [default: as the schedule says]")
@shared.where
@click.option("--yes-break-it", is_flag=True, help="With another target than local: do it without asking.")
@shared.users
@shared.seed
@shared.drain
@shared.stack
@shared.results
def faults(**options: object) -> None:
    """Play a SCHEDULE of faults, each under a load of its own: on a local stack that is taken away afterwards, or on
    the one that runs on hosts or in a cluster, which is put back as it was and left running.

    Without a SCHEDULE: all that can be done to the target. For each fault: tasks accepted, finished, dead-lettered,
    missing, run twice and why; how long until the first success and until latency was back; a timeline.

    \b
    Example: warren faults --short
             warren faults --only worker-kill --only broker-restart --rate 100
             warren faults loadtests/faults/schedule.yml --results results/faults  # or a schedule of your own
             warren faults --nightly
             warren faults --target hosts --inventory inventory/lab.yml --only broker-kill  # deployed: docs/hosts.md
             warren faults --target kubernetes --namespace warren --yes-break-it  # deployed: docs/kubernetes.md

    Exit code: 0 all went as it should; 1 a fault did not come, or its run is not valid; 2 bad input; 3 a ledger does
    not balance; 130 interrupted.
    """
    if options["short"] and options["nightly"]:
        raise click.UsageError("--short and --nightly are two forms of it; choose one")
    from loadtests.faults.command import run

    raise SystemExit(run(options))
