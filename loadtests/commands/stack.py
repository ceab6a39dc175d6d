"""`warren up | down | status | logs`: the whole stack on this machine."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from app.contract import ContractError
from app.loopback import is_loopback
from loadtests.commands import options as shared
from loadtests.exits import BAD_INPUT
from loadtests.local.errors import PortTaken, StackError
from loadtests.local.follow import follow, tail
from loadtests.local.ports import LOOPBACK, is_free
from loadtests.local.processes import StackOptions
from loadtests.local.stack import LocalStack

# Where the front end is unless it is said, or somebody else is there already.
USUAL_PORT = 8080


def _where(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which stack is meant."""
    command = click.option("--name", default="local", show_default=True, help="The stack in .warren/NAME.")(command)
    folder = click.Path(path_type=Path, file_okay=False)
    return click.option("--dir", "directory", type=folder, help="The stack in this folder, in place of --name.")(
        command
    )


@click.command()
@_where
@shared.stack
@click.option("--port", type=click.IntRange(1, 65535), help=f"Of the front end. [default: {USUAL_PORT}, or a free one]")
@click.option("--host", default=LOOPBACK, show_default=True, help="Where the front end listens; others need --token.")
@click.option("--token", envvar="WARREN_TOKEN", help="What every request must bring; better in WARREN_TOKEN.")
@click.option("--flower", is_flag=True, help="Flower too.")
@click.option("--management", is_flag=True, help="RabbitMQ's management page and Prometheus metrics too.")
def up(
    name: str,
    directory: Path | None,
    stack: Path,
    port: int | None,
    host: str,
    token: str | None,
    flower: bool,
    management: bool,
) -> None:
    """Start the stack in the background and wait until all of it works."""
    if not token and not is_loopback(host):
        raise click.UsageError(f"others can reach {host}: give a token (WARREN_TOKEN=…), or listen on {LOOPBACK}")
    if port is None and is_free(USUAL_PORT, host):
        port = USUAL_PORT
    options = StackOptions(stack, host, port, token, flower, management)
    local = LocalStack(_directory(name, directory), options, bound=False)
    with _clear_errors():
        local.start(progress())
        _print_status(local)


@click.command()
@_where
@click.option("--grace", type=click.FloatRange(min=0), help="Seconds until SIGKILL. [default: as stack.yml says]")
@click.option("--remove", is_flag=True, help="Remove its folder as well: messages, results, logs.")
def down(name: str, directory: Path | None, grace: float | None, remove: bool) -> None:
    """Stop the stack: front end first, then workers when their tasks are done, RabbitMQ last."""
    local = LocalStack(_directory(name, directory), throwaway=remove)
    with _clear_errors():
        stopped = local.stop(progress(), grace)
    kept = (
        "" if remove or not local.directory.exists() else f"; messages, results and logs are kept in {local.directory}"
    )
    click.echo(f"stopped{kept}" if stopped else f"there was no stack to stop in {local.directory}")


@click.command()
@_where
@click.option("--json", "as_json", is_flag=True, help="For programs; holds passwords.")
def status(name: str, directory: Path | None, as_json: bool) -> None:
    """What runs, and what has crashed meanwhile. Exit code 1 when the stack is down."""
    local = LocalStack(_directory(name, directory))
    with _clear_errors():
        if as_json:
            click.echo(json.dumps(_status(local), indent=1))
        else:
            _print_status(local)


@click.command()
@_where
@click.option("-f", "--follow", "following", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(0), default=20, show_default=True, help="Of each process.")
@click.argument("process", nargs=-1)
def logs(name: str, directory: Path | None, following: bool, lines: int, process: tuple[str, ...]) -> None:
    """What the processes printed; all of them, or those named. Works on a stopped stack as well."""
    folder = _directory(name, directory) / "log"
    files = {path.stem: path for path in sorted(folder.glob("*.log"))}
    unknown = [wanted for wanted in process if wanted not in files]
    if unknown:
        there = ", ".join(files) or "none yet"
        raise click.UsageError(f"no log of {', '.join(unknown)} in {folder}; there is: {there}")
    wanted = {label: path for label, path in files.items() if not process or label in process}
    for line in tail(wanted, lines):
        click.echo(line)
    if following:
        for line in follow(wanted):
            click.echo(line)


def progress() -> Callable[[str], None]:
    """Prints each step with the seconds since now, on standard error."""
    began = time.monotonic()
    return lambda text: click.echo(f"{time.monotonic() - began:6.1f} s  {text}", err=True)


def _directory(name: str, directory: Path | None) -> Path:
    return directory or Path(".warren") / name


@contextmanager
def _clear_errors() -> Iterator[None]:
    try:
        yield
    except StackError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(BAD_INPUT if isinstance(error, PortTaken) else 1)
    except ContractError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(BAD_INPUT)
    except OSError as error:  # a full disk, a folder that may not be written
        click.echo(f"Error: {error.filename or 'the operating system'}: {error.strerror}", err=True)
        sys.exit(1)


def _status(local: LocalStack) -> dict[str, Any]:
    processes = [asdict(process) for process in local.processes()]
    state = local.state
    return {
        "url": local.url,
        "token": local.token,
        "broker": local.broker_url,
        "management": _management(local),
        "flower": state.flower if state else None,
        "directory": str(local.directory),
        "processes": processes,
    }


def _print_status(local: LocalStack) -> None:
    processes = local.processes()
    state, node = local.state, local.node
    click.echo(f"front end   {local.url}" + ("   (needs the token)" if local.token else ""))
    click.echo(f"broker      amqp://127.0.0.1:{node.amqp_port}/{node.vhost}   (passwords: warren status --json)")
    for label, url in (("management", _management(local)), ("flower", state.flower if state else None)):
        if url:
            click.echo(f"{label:<11} {url}")
    click.echo(f"folder      {os.path.relpath(local.directory)}\n")
    click.echo(f"{'process':<18}{'role':<10}{'pid':<9}{'state':<10}{'restarts':<10}last exit")
    for process in processes:
        last = click.style(process.last_exit, fg="red") if process.last_exit else ""
        pid = process.pid or "–"
        click.echo(f"{process.name:<18}{process.role:<10}{pid:<9}{process.state:<10}{process.restarts:<10}{last}")


def _management(local: LocalStack) -> str | None:
    port = local.node.management_port
    return f"http://127.0.0.1:{port}" if port else None
