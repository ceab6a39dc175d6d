"""`python -m tests.tools`: what the tests need compiled, where the usual installers cannot be reached."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable

import click

from . import pulumi
from .build import ToolsError, ensure, folder_of
from .parts import PARTS, Jars


def say(text: str) -> None:
    click.echo(f"tools: {text}", err=True)


@click.group()
def main() -> None:
    """Programs made from pinned versions and kept in the user's cache."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@main.command()
@click.argument("parts", nargs=-1)
def build(parts: Iterable[str]) -> None:
    """Compile PARTS that are not there yet; all of them when none is named."""
    named = list(parts) or [name for name in PARTS if not _installed(name) and not _beyond(name)]
    try:
        for name in named:
            ensure(name, say)
    except ToolsError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        say("interrupted; what is compiled is kept, and the same command goes on from there")
        sys.exit(130)


def _installed(part: str) -> bool:
    """Whether the machine has it already; our own is not needed then."""
    if part == "compose":
        return (
            bool(shutil.which("docker"))
            and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode
        )
    return part in pulumi.PARTS and bool(pulumi.installed())


def _beyond(part: str) -> bool:
    """Whether it cannot be made here and nothing but a self-check wants it; asked for by name it is an error."""
    missing = isinstance(PARTS[part], Jars) and not shutil.which("mvn")
    if missing:
        say(f"{part} is left out: there is no `mvn` on PATH")
    return missing


@main.command()
def status() -> None:
    """What is compiled, and where."""
    for name, part in PARTS.items():
        made = folder_of(name)
        size = sum(file.stat().st_size for file in made.rglob("*") if file.is_file()) / 1e6
        about = f"{made} ({size:.0f} MB)" if made.is_dir() else "not yet: make tools"
        click.echo(f"{name:17} {part.version:9} {about}")
    if found := pulumi.installed():
        click.echo(f"{'':17} {'':9} pulumi is installed already and is used: {found}")


@main.command()
@click.argument("program")
def which(program: str) -> None:
    """The full path of PROGRAM, compiled now if it is not there."""
    found = shutil.which(program) if program == "pulumi" else None
    for name, part in PARTS.items():
        if not found and program in part.programs:
            try:
                found = str(ensure(name, say) / "bin" / program)
            except ToolsError as error:
                raise click.ClickException(str(error)) from error
    if not found:
        known = ", ".join(program for part in PARTS.values() for program in part.programs)
        raise click.ClickException(f"no such program: {program}; there are {known}")
    click.echo(found)
