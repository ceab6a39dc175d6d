"""Pulumi's CLI: the installed one, or else the one compiled here, with its Python language host."""

import os
import shutil

from .build import Say, ensure

PARTS = ("pulumi-python", "pulumi")


def installed() -> str | None:
    """A CLI without its language host cannot run a Python program."""
    return shutil.which("pulumi") if shutil.which("pulumi-language-python") else None


def path(say: Say) -> str:
    """The value of PATH with which `pulumi` can be called."""
    before = os.environ.get("PATH", os.defpath)
    if installed():
        return before
    return os.pathsep.join([*(str(ensure(name, say) / "bin") for name in PARTS), before])
