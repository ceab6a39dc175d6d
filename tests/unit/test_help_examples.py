"""Every command that --help, the README or a page in docs shows can be typed as it stands.

An example of --help needs no file that a fresh clone has not, or says where it comes from.
"""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

from loadtests.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
FILE = re.compile(r"^[\w-]+/|\.(yml|json|xml|csv)$")
# A command in a page: a line after a prompt, or one in the text that has options; not a mere name as `warren plan`.
SHOWN = re.compile(r"^\$ (warren .+)$|`(warren \w+ [^ `]+ [^`]+)`", re.MULTILINE)
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


def shown() -> list[tuple[str, str]]:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = ((page.relative_to(ROOT), match) for page in pages for match in SHOWN.finditer(page.read_text()))
    return sorted({(str(page), (match[1] or match[2]).replace("\n", " ")) for page, match in found})


@pytest.mark.parametrize(("page", "line"), shown())
def test_a_command_in_a_page_can_be_typed(page: str, line: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    try:
        parsed(line)
    except click.BadParameter as error:
        assert "does not exist" in str(error), f"{page}: {error}"  # the reader's own file


def test_what_cannot_be_parsed_is_seen():
    for wrong in ("warren bench --fast", "warren compare a b c", "warren plan"):
        with pytest.raises(click.UsageError):
            parsed(wrong)
