"""A follower that is told a whole run's records by a stand-in for the front end: `python -m tests.followed FOLDER`."""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from loadtests.generator.follower import Follower
from loadtests.generator.parts import NoPart
from tests.large_run import START

PAGE = 1000  # records in one answer, as the front end gives them


class Told:
    """Speaks as FrontEnd does, from a run's part files."""

    def __init__(self, run: Path) -> None:
        self._lines = _lines(run)

    def records(self, *_: Any) -> tuple[list[dict[str, Any]], str | None]:
        return [json.loads(line) for line in itertools.islice(self._lines, PAGE)], None


def _lines(run: Path) -> Iterator[str]:
    for path in sorted(run.glob("parts/*/records-*")):
        with path.open() as file:
            yield from file


def main() -> None:
    """Prints how many tasks were accounted for, and what that took."""
    front: Any = Told(Path(sys.argv[1]))
    follower = Follower(front, "made", START, NoPart(), lambda record: None)
    process = psutil.Process()
    before, began, read = process.memory_info().rss, time.monotonic(), 0
    while found := follower.read(0):
        read += found
    grown = process.memory_info().rss - before
    seconds = time.monotonic() - began
    print(f"{read:,} records of {len(follower.accounted):,} tasks, {seconds:.1f} s, {grown / 2**20:,.0f} MiB more")


if __name__ == "__main__":
    main()
