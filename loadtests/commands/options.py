"""Options that several commands have: which stack, what is sent to it and how, where results go."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from loadtests import scenarios

Decorator = Callable[[Any], Any]

POSITIVE = click.FloatRange(0, min_open=True)


def json_value(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    """The text, if it is a task's arguments. Raises BadParameter."""
    from loadtests.generator.options import arguments

    try:
        arguments(value)
    except argparse.ArgumentTypeError as error:
        raise click.BadParameter(str(error)) from error
    return value


def together(*options: Decorator) -> Decorator:
    """Several options as one decorator, in this order."""

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


where = together(
    click.option(
        "--target",
        type=click.Choice(["local", "hosts", "kubernetes", "cloudfoundry"]),
        default="local",
        show_default=True,
        help="A stack of its own, or the one on an inventory's hosts, in a cluster, in a space.",
    ),
    click.option("--inventory", help="With --target hosts: Ansible's inventory.  [default: that of ansible.cfg]"),
    click.option("--namespace", help="With --target kubernetes: where the stack is.  [default: warren]"),
    click.option("--context", help="With --target kubernetes: of your kubeconfig.  [default: its current one]"),
    click.option(
        "--app", help="With --target cloudfoundry: its app, where `cf target` or CF_… lead.  [default: warren]"
    ),
    click.option("--url", help="A front end that runs already. Without: a stack of its own, taken away afterwards."),
    click.option("--token", envvar="WARREN_TOKEN", default="", help="The front end's token.  [env: WARREN_TOKEN]"),
    click.option("--ca", default="", help="With --url https://…: a file of certificates to trust."),
)

what = together(
    click.option(
        "--scenario", type=click.Choice(scenarios.names()), default="noop", show_default=True, help="What is sent."
    ),
    click.option("--task", help="Send this task instead, one of your own."),
    click.option("--args", default="[]", callback=json_value, help="Its arguments: a JSON list, or an object."),
)

users = click.option("--users", type=click.IntRange(1), default=64, show_default=True, help="Most requests in flight.")
generators = click.option(
    "--generators", type=click.IntRange(1), default=1, show_default=True, help="Processes that send."
)
seed = click.option("--seed", type=int, default=1, show_default=True, help="The plan of arrivals is drawn from it.")
drain = click.option(
    "--drain", type=POSITIVE, default=30.0, show_default=True, help="Give up on tasks after so many idle seconds."
)

stack = click.option(
    "--stack", type=click.Path(path_type=Path), envvar="STACK_FILE", default="stack.yml", show_default=True
)
results = click.option(
    "--results", type=click.Path(file_okay=False, path_type=Path), default="results", show_default=True
)
