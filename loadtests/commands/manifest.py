"""`warren manifest`: stack.yml for people who `cf push`."""

import re
from pathlib import Path
from typing import get_args

import click
import yaml

from app.contract import ContractError, load_contract
from loadtests.cloudfoundry import manifest as manifests
from loadtests.cloudfoundry.manifest import Shape
from loadtests.commands import options as shared
from loadtests.exits import BAD_INPUT, FAILED

NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,50}[A-Za-z0-9])?")
ROUTE = re.compile(r"[a-z0-9*]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9-]+)+(/[^\s?#]*)?")


def _name(_context: click.Context, _parameter: click.Parameter, text: str) -> str:
    if not NAME.fullmatch(text):
        raise click.BadParameter(f"{text!r} makes no app's name and host; use letters, digits, - and _")
    return text


def _routes(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        if not ROUTE.fullmatch(text):
            raise click.BadParameter(f"{text!r} is no route; write host.domain or host.domain/path, without https://")
    return texts


@click.command()
@shared.stack
@click.option("--shape", type=click.Choice(get_args(Shape)), default="one-app", show_default=True, help="See below.")
@click.option("--name", default="warren", show_default=True, callback=_name, help="Of the app.")
@click.option("--service", default="warren-rabbitmq", show_default=True, callback=_name, help="The RabbitMQ instance.")
@click.option("--route", "routes", multiple=True, callback=_routes, help="Of the front end. [default: a random one]")
@click.option("--cores", type=click.IntRange(1), default=1, show_default=True, help="What per-core comes to.")
@click.option("--flower", is_flag=True, help="Flower too; give its process a route of its own.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it there.")
@click.option("--check", "checked", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Judge it.")
def manifest(
    stack: Path,
    shape: Shape,
    name: str,
    service: str,
    routes: tuple[str, ...],
    cores: int,
    flower: bool,
    output: Path | None,
    checked: Path | None,
) -> None:
    """Write a Cloud Foundry manifest from stack.yml, or judge one by it.

    --shape one-app: one app with a process for each part, of one droplet. two-apps: the front end with a route, the
    workers without, both bound to one service instance.

    \b
    Example: warren manifest --route warren.apps.example.org --output manifest.yml
             warren manifest --check manifest.yml  # after the line above

    Exit code: 0; 1 the manifest given to --check does not fit stack.yml; 2 bad input, and nothing was written.
    """
    try:
        contract = load_contract(stack)
    except ContractError as error:
        click.echo(str(error), err=True)
        raise SystemExit(BAD_INPUT) from error
    if checked:
        raise SystemExit(_judge(checked, manifests.disagreements(_read(checked), contract)))
    built = manifests.build(contract, shape, name=name, service=service, routes=routes, cores=cores, flower=flower)
    words = f"warren manifest --shape {shape}"
    text = manifests.write(built, contract, shape, words)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        click.echo(f"Error: {output}: {error.strerror}; name another with --output", err=True)
        raise SystemExit(BAD_INPUT) from error


def _read(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        click.echo(f"Error: {path} is not YAML: {error}", err=True)
        raise SystemExit(BAD_INPUT) from error


def _judge(path: Path, complaints: list[str]) -> int:
    for complaint in complaints:
        click.echo(f"{path}: {complaint}", err=True)
    if not complaints:
        click.echo(f"{path} fits stack.yml")
    return FAILED if complaints else 0
