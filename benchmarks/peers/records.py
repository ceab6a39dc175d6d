"""What the peers' front ends tell the load generator: the marks that tasks carry, and the lines that they left."""

import os
from collections.abc import Mapping

from benchmarks.peers.work import Mark

MOST = 400_000  # bytes of lines in one answer


def mark(task_id: str, headers: Mapping[str, str]) -> Mark:
    """From a request's headers, whose names may be in small letters. None: the task is not measured."""
    run = headers.get("Warren-Run") or headers.get("warren-run")
    scheduled = headers.get("Warren-Scheduled") or headers.get("warren-scheduled") or "0"
    return {"id": task_id, "run": run, "scheduled": float(scheduled)} if run else None


def page(run: str, offset: int) -> bytes:
    """The run's lines from that byte on, and where to go on, as JSON."""
    try:
        with open(os.environ["PEERS_RECORDS"], "rb") as file:  # noqa: PTH123
            file.seek(offset)
            data = file.read(MOST)
    except FileNotFoundError:
        data = b""
    data = data[: data.rfind(b"\n") + 1]
    lines = [line for line in data.splitlines() if f'"run": "{run}"'.encode() in line]
    return b'{"records":[%s],"next":"%d"}' % (b",".join(lines), offset + len(data))
