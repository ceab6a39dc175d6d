"""`warren dead list | show | replay | purge`: dead letters of any front end, by its URL and token."""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from loadtests.exits import FAILED
from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.local.state import StackState

LOCAL = Path(".warren/local")
TIMEOUT = 60.0  # seconds; many dead letters take a while


def _ask(front: FrontEnd, method: str, path: str, **more: Any) -> dict[str, Any]:
    """Raises click.ClickException (exit code 1) with what to do."""
    try:
        return front.ask(method, path, TIMEOUT, **more)
    except FrontEndError as error:
        raise click.ClickException(str(error)) from error


@click.group()
@click.option("--url", envvar="WARREN_URL", help="The front end. Without it: the local stack that `warren up` started.")
@click.option("--token", envvar="WARREN_TOKEN", default="", help="Its token, if it has one.")
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False),
    help="With --url https://…: a file of certificates to trust.",
)
@click.pass_context
def dead(context: click.Context, url: str | None, token: str, ca: str | None) -> None:
    """Dead letters: messages that were rejected, or redelivered too often."""
    if url is None:
        state = StackState.read(LOCAL)
        if state is None:
            raise click.UsageError(
                "no local stack is running; start one with `warren up`, or name a front end by --url"
            )
        url, token = state.url, token or state.token or ""
    context.obj = FrontEnd(url, token, ca or "")


def filters(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose dead letters; each one given must fit."""
    for name, text in {
        "reason": "Why it died: rejected, delivery_limit, expired or maxlen.",
        "run": "The load run it belonged to.",
        "queue": "The queue in which it died.",
        "task": "The task's name.",
    }.items():
        command = click.option(f"--{name}", help=text)(command)
    return command


@dead.command("list")
@filters
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, for programs.")
@click.pass_obj
def list_(front: FrontEnd, limit: int, as_json: bool, **chosen: str | None) -> None:
    """List them, oldest first. Takes nothing away."""
    body = _ask(front, "GET", "/dead", params=_given(chosen) | {"limit": limit})
    if as_json:
        click.echo(json.dumps(body, indent=1))
        return
    table = Table("id", "task", "queue", "reason", "died", "run")
    for letter in body["messages"]:
        died = datetime.fromtimestamp(letter["time"]).strftime("%Y-%m-%d %H:%M:%S") if letter["time"] else ""
        cells = (letter["id"], letter["task"], letter["queue"], letter["reason"], died, letter["run"])
        table.add_row(*(str(cell) if cell is not None else "" for cell in cells))
    if body["messages"]:
        Console().print(table)
    more = "; there are more (--limit)" if body["truncated"] else ""
    click.echo(f"{len(body['messages'])} dead letter(s){more}")


@dead.command()
@click.argument("id_", metavar="ID")
@click.pass_obj
def show(front: FrontEnd, id_: str) -> None:
    """All that is known of one: headers and body."""
    click.echo(json.dumps(_ask(front, "GET", f"/dead/{id_}"), indent=1))


@dead.command()
@click.argument("ids", nargs=-1)
@filters
@click.option("--all", "all_", is_flag=True, help="All of them.")
@click.pass_obj
def replay(front: FrontEnd, ids: tuple[str, ...], all_: bool, **chosen: str | None) -> None:
    """Send them to their queues again, with the same ids; by id or by filter.

    Each is confirmed by the broker before it stops being a dead letter: interrupted, it may be doubled, but not lost.
    """
    _settle(front, "POST", "/dead/replay", _choice(ids, all_, chosen), "replayed")


@dead.command()
@click.argument("ids", nargs=-1)
@filters
@click.option("--all", "all_", is_flag=True, help="All of them.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def purge(front: FrontEnd, ids: tuple[str, ...], all_: bool, yes: bool, **chosen: str | None) -> None:
    """Throw them away for good; by id or by filter."""
    choice = _choice(ids, all_, chosen)
    if not yes and not click.confirm("These tasks will never run. Throw them away?"):
        raise click.ClickException("nothing was thrown away")
    _settle(front, "DELETE", "/dead", choice, "thrown away")


def _given(chosen: dict[str, str | None]) -> dict[str, Any]:
    return {name: value for name, value in chosen.items() if value is not None}


def _choice(ids: tuple[str, ...], all_: bool, chosen: dict[str, str | None]) -> dict[str, Any]:
    choice = _given(chosen) | ({"ids": list(ids)} if ids else {})
    if bool(choice) == all_:
        raise click.UsageError("say which: ids, --task, --queue, --run, --reason; or --all alone")
    return choice | ({"all": True} if all_ else {})


def _settle(front: FrontEnd, method: str, path: str, choice: dict[str, Any], done_to: str) -> None:
    """One request does what it has time for; go on with the rest, but never with what died only meanwhile."""
    total, failed = 0, []
    try:
        outcome = _ask(front, method, path, json=choice)
        while True:
            total += outcome["done"]
            failed += outcome["failed"]
            if not outcome["done"] or not outcome["remaining"]:
                break
            click.echo(f"{total} {done_to}, {outcome['remaining']} to go", err=True)
            outcome = _ask(front, method, path, json=choice | {"limit": outcome["remaining"]})
    except KeyboardInterrupt:
        click.echo(f"{total} surely {done_to}; the others are dead letters still, or on their way", err=True)
        raise
    click.echo(f"{total} {done_to}")
    for each in failed:
        click.echo(f"{each['id']}: {each['detail']}", err=True)
    if failed:
        raise SystemExit(FAILED)
