"""`warren capacity` and `warren plan`: what a stack carries within objectives, and what another load takes."""

from pathlib import Path

import click

from loadtests import scenarios
from loadtests.commands.bench import POSITIVE, json_value
from loadtests.commands.gate import objectives_of


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
@click.option(
    "--target",
    type=click.Choice(["local", "hosts", "kubernetes", "cloudfoundry"]),
    default="local",
    show_default=True,
    help="As of `warren bench`.",
)
@click.option("--inventory", help="With --target hosts: Ansible's inventory.  [default: that of ansible.cfg]")
@click.option("--namespace", help="With --target kubernetes: where the stack is.  [default: warren]")
@click.option("--context", help="With --target kubernetes: of your kubeconfig.  [default: its current one]")
@click.option("--app", help="With --target cloudfoundry: its app.  [default: warren]")
@click.option("--url", help="A front end that runs already. Without: a stack of its own, taken away afterwards.")
@click.option("--token", envvar="WARREN_TOKEN", default="", help="The front end's token.  [env: WARREN_TOKEN]")
@click.option("--ca", default="", help="With --url https://…: a file of certificates to trust.")
@click.option(
    "--scenario", type=click.Choice(scenarios.names()), default="noop", show_default=True, help="What is sent."
)
@click.option("--task", help="Send this task instead, one of your own.")
@click.option("--args", default="[]", callback=json_value, help="Its arguments: a JSON list, or an object.")
@click.option("--users", type=click.IntRange(1), default=64, show_default=True, help="Most requests in flight.")
@click.option("--generators", type=click.IntRange(1), default=1, show_default=True, help="Processes that send.")
@click.option("--seed", type=int, default=1, show_default=True, help="The plan of arrivals is drawn from it.")
@click.option(
    "--drain", type=POSITIVE, default=30.0, show_default=True, help="Give up on tasks after so many idle seconds."
)
@click.option("--stack", type=click.Path(path_type=Path), envvar="STACK_FILE", default="stack.yml", show_default=True)
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), default="results", show_default=True)
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
@click.option("--stack", type=click.Path(path_type=Path), envvar="STACK_FILE", default="stack.yml", show_default=True)
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), default="results", show_default=True)
def plan(**options: object) -> None:
    """How many worker processes a rate takes within objectives, by the model that `warren capacity` fitted.

    \b
    Example: warren plan --rate 100 --slo 'p99<1s'
             warren plan --rate 100 --slo 'p99<1s' --from results/20260101-120000-abcdef/capacity.json --write

    Exit code: 0 planned; 1 no number of workers does it; 2 bad input.
    """
    from loadtests.capacity.plan_command import run

    raise SystemExit(run(options))
