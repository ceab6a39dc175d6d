"""Every command's --help: an example in it can be typed as it stands, or says what has to be there before."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

from loadtests.cli import COMMANDS, main

FILE = re.compile(r"^[\w-]+/|\.(yml|json|xml|csv)$")
# Options whose file or folder the command itself makes.
WRITTEN = ("--output", "--results", "--junit", "--markdown")


def commands() -> Iterator[tuple[str, click.Command]]:
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {each}", below) for each, below in command.commands.items())


def examples() -> list[str]:
    """The lines of all helps that begin with `warren`."""
    helps = (line.strip().removeprefix("Example:").strip() for _, each in commands() for line in each.help.splitlines())
    return [line for line in helps if line.startswith("warren ")]


def parsed(line: str) -> None:
    """As click reads it, without running anything. Raises UsageError."""
    command, words = main, shlex.split(line, comments=True)[1:]
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"no command {words[0]}"
        command, words = found, words[1:]
    command.make_context(command.name, words)


@pytest.mark.parametrize("line", examples())
def test_an_example_is_a_command_line_that_works(line: str, root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(root)
    try:
        parsed(line)
    except click.BadParameter as error:
        # A file that the clone has not: it says beside it where it comes from.
        assert "does not exist" in str(error) and "#" in line, error


def test_examples_name_no_file_that_nobody_has(root: Path):
    """Not all paths are judged by click: those of a fresh clone are there, the others have a word to them."""
    for line in examples():
        words = shlex.split(line, comments=True)
        read = [word for before, word in pairwise(words) if before not in WRITTEN and FILE.search(word)]
        missing = [word for word in read if not (root / word).exists()]
        assert not missing or "#" in line, f"{line}: {missing}"


def test_what_cannot_be_parsed_is_seen():
    for wrong in ("warren bench --fast", "warren compare a b c", "warren plan"):
        with pytest.raises(click.UsageError):
            parsed(wrong)
