"""The folder of a stack: made by us, or refused; and only what we made is ever removed."""

import os
import shlex
import shutil
from pathlib import Path

from loadtests.local.errors import StackError

_TAG = "WARREN.TAG"
_TEXT = "A local stack of Warren lives in this folder. `warren down --remove` removes all of it.\n"


def command(name: str, directory: Path) -> str:
    """How a user would say `warren NAME` for the stack in this folder."""
    usual = Path(".warren/local").absolute() == directory
    return f"`warren {name}`" if usual else f"`warren {name} --dir {shlex.quote(os.path.relpath(directory))}`"


def claim(directory: Path) -> None:
    """Make the folder, for its owner's eyes only. Raises StackError when it holds anything that is not a stack's."""
    if directory.is_dir() and any(directory.iterdir()) and not (directory / _TAG).exists():
        raise StackError(f"{directory} holds other things; choose an empty folder, or one that does not exist yet")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / _TAG).write_text(_TEXT)
    directory.chmod(0o700)
    for name in ("data", "heartbeat", "log"):
        (directory / name).mkdir(exist_ok=True)


def remove(directory: Path) -> None:
    """Remove the folder with all that is in it, when it is a stack's."""
    if (directory / _TAG).exists():
        shutil.rmtree(directory, ignore_errors=True)
