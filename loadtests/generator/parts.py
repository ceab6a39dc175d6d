"""Part files: what each process of a run saw, one JSON object a line, in `<results>/parts/<phase>/`.

    sends-*    every task sent: id, task, scheduled, free, sent, answered, status, outcome, published, confirmed, error
    records-*  every ended attempt, as the worker wrote it, and `known`: when the generator read it
    dead-*     dead letters of the run     queues-*  depth of each queue     self-*  each generator process' own load

A process only ever appends to files of its own, so any number of them on any number of machines make one run: their
`parts` folders laid over each other are the run's.
"""

import json
import os
import socket
from pathlib import Path
from typing import Any

KINDS = ("sends", "records", "dead", "queues", "self", "cpu")
MOST_BUFFERED = 500
# Made once: json.dumps with separators makes an encoder for each line.
_encode = json.JSONEncoder(separators=(",", ":")).encode


def folder(results: Path, phase: str) -> Path:
    """Where the parts of one phase of a run are."""
    return results / "parts" / phase


class Part:
    """One part file. Lines are kept until `flush` or until there are many; a line is written whole or not at all."""

    def __init__(self, directory: Path, kind: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{kind}-{socket.gethostname()}-{os.getpid()}.ndjson"
        self._fd = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._lines: list[str] = []

    def write(self, line: dict[str, Any]) -> None:
        """Add one line. Raises OSError when the disk is full."""
        self._lines.append(_encode(line))
        if len(self._lines) >= MOST_BUFFERED:
            self.flush()

    def flush(self) -> None:
        """Write what is kept. Raises OSError."""
        if not self._lines:
            return
        data = ("\n".join(self._lines) + "\n").encode()
        self._lines.clear()
        while data:
            data = data[os.write(self._fd, data) :]

    def close(self) -> None:
        self.flush()
        os.close(self._fd)


class NoPart(Part):
    """Takes lines and keeps none: a run without `--results`."""

    def __init__(self) -> None:
        self._lines = []

    def write(self, line: dict[str, Any]) -> None:
        pass

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def open_part(directory: Path | None, kind: str) -> Part:
    """The part file of this process, or one that keeps nothing."""
    return Part(directory, kind) if directory else NoPart()
