"""Other programs, run so that a failure says what they said."""

import subprocess
from collections.abc import Sequence

from .errors import LabError


def run(command: Sequence[str], *, text: str | None = None, timeout: float = 120) -> str:
    """Its output. Raises LabError with the last lines it wrote."""
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(command)}: did not end within {timeout:.0f} s") from error
    if done.returncode != 0:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise LabError(f"{' '.join(command)}: failed ({done.returncode})\n{said}")
    return done.stdout
