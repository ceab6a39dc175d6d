"""Reading the logs of several processes as one, each line with its process's name in front."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

_EVERY = 0.2


def tail(files: Mapping[str, Path], lines: int) -> Iterator[str]:
    """The last lines of each file."""
    width = max(map(len, files), default=0)
    for label, path in files.items():
        with path.open(errors="replace") as file:
            for line in deque(file, maxlen=lines):
                yield f"{label:<{width}} | {line.rstrip()}"


def follow(files: Mapping[str, Path]) -> Iterator[str]:
    """What is added after this call, without end. A file that was rotated away is read from its new beginning."""
    return _follow(files, {label: path.stat().st_size for label, path in files.items()})


def _follow(files: Mapping[str, Path], at: dict[str, int]) -> Iterator[str]:
    width = max(map(len, files), default=0)
    unfinished = dict.fromkeys(files, "")
    while True:
        for label, path in files.items():
            size = path.stat().st_size if path.exists() else 0
            if size < at[label]:
                at[label] = 0
            if size == at[label]:
                continue
            with path.open("rb") as file:
                file.seek(at[label])
                added = file.read(size - at[label])
            at[label] = size
            *whole, unfinished[label] = (unfinished[label] + added.decode(errors="replace")).split("\n")
            for line in whole:
                yield f"{label:<{width}} | {line.rstrip()}"
        time.sleep(_EVERY)
