"""`warren bench`: what a stack carries, how long tasks wait and where, and that none is lost."""

from pathlib import Path

import click

from loadtests import scenarios


def json_value(context: click.Context, parameter: click.Parameter, value: str) -> str:
    import argparse

    from loadtests.generator.options import arguments

    try:
        arguments(value)
    except argparse.ArgumentTypeError as error:
        raise click.BadParameter(str(error)) from error
    return value


POSITIVE = click.FloatRange(0, min_open=True)


@click.command()
@click.option(
    "--target",
    type=click.Choice(["local", "hosts", "kubernetes", "cloudfoundry"]),
    default="local",
    show_default=True,
    help="A stack of its own, or the one on an inventory's hosts, in a cluster, in a space.",
)
@click.option("--inventory", help="With --target hosts: Ansible's inventory.  [default: that of ansible.cfg]")
@click.option("--namespace", help="With --target kubernetes: where the stack is.  [default: warren]")
@click.option("--context", help="With --target kubernetes: of your kubeconfig.  [default: its current one]")
@click.option("--app", help="With --target cloudfoundry: its app, where `cf target` or CF_… lead.  [default: warren]")
@click.option("--url", help="A front end that runs already. Without: a stack of its own, taken away afterwards.")
@click.option("--token", envvar="WARREN_TOKEN", default="", help="The front end's token.  [env: WARREN_TOKEN]")
@click.option("--ca", default="", help="With --url https://…: a file of certificates to trust.")
@click.option(
    "--scenario", type=click.Choice(scenarios.names()), default="noop", show_default=True, help="What is sent."
)
@click.option("--task", help="Send this task instead, one of your own.")
@click.option("--args", default="[]", callback=json_value, help="Its arguments: a JSON list, or an object.")
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
@click.option("--users", type=click.IntRange(1), default=64, show_default=True, help="Most requests in flight.")
@click.option("--generators", type=click.IntRange(1), default=1, show_default=True, help="Processes that send.")
@click.option("--seed", type=int, default=1, show_default=True, help="The plan of arrivals is drawn from it.")
@click.option(
    "--drain", type=POSITIVE, default=30.0, show_default=True, help="Give up on tasks after so many idle seconds."
)
@click.option(
    "--baseline", type=click.Choice(["tutorial"]), help="Also run the tutorials' way, interleaved; print the ratio."
)
@click.option("--cost", is_flag=True, help="Also measure what measuring costs.")
@click.option("--repeats", type=click.IntRange(3), default=5, show_default=True, help="Pairs of --baseline and --cost.")
@click.option("--stack", type=click.Path(path_type=Path), envvar="STACK_FILE", default="stack.yml", show_default=True)
@click.option("--results", type=click.Path(file_okay=False, path_type=Path), default="results", show_default=True)
@click.option("--open/--no-open", "open_report", default=None, help="Open the report.  [default: in a desktop session]")
def bench(**options: object) -> None:
    """Find the highest rate a stack sustains, read latency below it, account for every task, write a report.

    \b
    Example: warren bench
             warren bench --url https://tasks.example.org --scenario mix
             warren bench --target hosts --inventory inventory/cluster.yml
             warren bench --target kubernetes --namespace warren
             warren bench --target cloudfoundry --app warren
             warren bench --url https://tasks.example.org --task my.task --args '[1, 2]' --rate 50

    Exit code: 0 a valid result; 1 none; 2 bad input; 3 the ledger does not balance; 130 interrupted.
    """
    from loadtests.bench.command import run

    raise SystemExit(run(options))
