"""Files that hold passwords."""

import os
from pathlib import Path


def write_secret(path: Path, text: str) -> None:
    """Write a file that others can never read, not even for a moment."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
