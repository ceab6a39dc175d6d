"""What a process tells whoever looks after it: systemd, when it started us with `Type=notify`, and probes, by the file
that WARREN_HEARTBEAT_FILE names. Its age says that the process does its work, its content whether it ever began.
Without effect where there is neither.
"""

import os
import socket
from contextlib import suppress
from pathlib import Path

READY, WAITING = "ready", "waiting"
# Seconds added to each promise: connecting may take its time before the next one is made.
MARGIN = 30.0


def tell(message: str) -> None:
    """One message of sd_notify(3)."""
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
            datagram.sendto(message.encode(), path.replace("@", "\0", 1) if path.startswith("@") else path)


def ready(status: str) -> None:
    """The start is over: this process does its work."""
    tell(f"READY=1\nSTATUS={status}")
    _note(READY)


def waiting(seconds: float) -> None:
    """The broker is away: to wait for it is not a failed start. To be said again within that time."""
    tell(f"EXTEND_TIMEOUT_USEC={round((seconds + MARGIN) * 1e6)}\nSTATUS=waiting for the broker")
    _note(WAITING)


def alive() -> None:
    """Feed the watchdog, and keep the file young."""
    tell("WATCHDOG=1")
    _note(None)


def _note(state: str | None) -> None:
    path = os.environ.get("WARREN_HEARTBEAT_FILE")
    if not path:
        return
    with suppress(OSError):
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        if state:
            file.write_text(state)
        else:
            file.touch()
