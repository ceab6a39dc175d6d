"""Part files: what each process of a run saw, one JSON object a line, in `<results>/parts/<phase>/`.

    sends-*    every task sent: id, task, scheduled, free, sent, answered, status, outcome, published, confirmed, error
    records-*  every ended attempt, as the worker wrote it, and `known`: when the generator read it
    dead-*     dead letters of the run     queues-*  depth of each queue     self-*  each generator process' own load

A process only ever appends to files of its own. Locust's workers, wherever they run, send their lines to the master,
which keeps them in a file for each worker: the master's folder is the whole run.
"""

import json
import os
import socket
from collections.abc import Callable
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
    """One part file. Lines are kept until `flush` or until there are many; a line is written whole or not at all.

    `who`: whose lines these are, if not this process'.
    """

    def __init__(self, directory: Path, kind: str, who: str = "") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{kind}-{who or f'{socket.gethostname()}-{os.getpid()}'}.ndjson"
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
        self.append(data)

    def append(self, data: bytes) -> None:
        """Write whole lines, as they are. Raises OSError."""
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


class FarPart(Part):
    """Lines that somebody else keeps: `send(kind, data)` takes some whole lines at a time."""

    def __init__(self, kind: str, send: Callable[[str, bytes], None]) -> None:
        self._kind, self._send = kind, send
        self._lines = []

    def append(self, data: bytes) -> None:
        self._send(self._kind, data)

    def close(self) -> None:
        self.flush()


def open_part(directory: Path | None, kind: str) -> Part:
    """The part file of this process, or one that keeps nothing."""
    return Part(directory, kind) if directory else NoPart()
