"""The two tasks, the same under every peer: nothing, and a wait; each leaves a line when it was sent to be measured."""

import asyncio
import json
import os
import time
from functools import cache
from typing import Any

# {"id", "run", "scheduled"} of a measured task; None leaves no line.
Mark = dict[str, Any] | None


def noop(mark: Mark) -> None:
    """Nothing."""
    _record("noop", mark, time.time())


def sleep(seconds: float, mark: Mark) -> None:
    """Wait, as a task does that waits for another service."""
    started = time.time()
    time.sleep(seconds)
    _record("sleep", mark, started)


async def sleep_async(seconds: float, mark: Mark) -> None:
    """The same in an event loop."""
    started = time.time()
    await asyncio.sleep(seconds)
    _record("sleep", mark, started)


@cache
def _file(_process: int) -> int:
    return os.open(os.environ["PEERS_RECORDS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)


def _record(task: str, mark: Mark, started: float) -> None:
    """One record, as loadtests reads them, in one write that no other process can come between."""
    if mark is None:
        return
    line = {**mark, "task": task, "queue": "", "received": None, "started": started, "finished": time.time()}
    line |= {"state": "success", "worker": str(os.getpid()), "attempt": 1, "redelivered": False}
    os.write(_file(os.getpid()), json.dumps(line).encode() + b"\n")
