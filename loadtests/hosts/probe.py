"""Runs on a host, given to its python3 as text: prints the processor time its services have used, a line a second.

Needs nothing but Python 3.9's own library. Ends when nobody listens any more.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
ROLES = {"rabbitmq-server": "broker", "valkey": "results", "redis": "results", "postgresql": "results"}


def used(folder: Path) -> float | None:
    """Seconds of processor time; a host's first cgroup counts all of it."""
    try:
        return int((folder / "cpu.stat").read_text().split()[1]) / 1e6
    except (OSError, ValueError, IndexError):
        return None


def role(unit: str) -> str | None:
    """worker of warren-worker@fast-0.service, broker of rabbitmq-server.service; None of a service that is not ours."""
    name = unit.rsplit(".", 1)[0]
    if name.startswith("warren-"):
        return name[len("warren-") :].split("@")[0]
    return next((known for start, known in ROLES.items() if name.startswith(start)), None)


def units() -> Iterator[tuple[str, str, float]]:
    """(unit, role, seconds) of those that run."""
    for folder, below, _ in os.walk(ROOT / "system.slice"):
        for name in list(below):
            if name.endswith(".service"):
                below.remove(name)  # what a service has below it is counted with it
                known, seconds = role(name), used(Path(folder) / name)
                if known and seconds is not None:
                    yield name, known, seconds


def main() -> None:
    while True:
        line = {"at": time.monotonic(), "host": used(ROOT), "units": list(units())}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
        time.sleep(1)


main()
