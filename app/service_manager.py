"""What a process tells systemd, when systemd started it with `Type=notify`; without effect everywhere else."""

import os
import socket
from contextlib import suppress

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


def waiting(seconds: float) -> None:
    """The broker is away: to wait for it is not a failed start. To be said again within that time."""
    tell(f"EXTEND_TIMEOUT_USEC={round((seconds + MARGIN) * 1e6)}\nSTATUS=waiting for the broker")


def alive() -> None:
    """Feed the watchdog."""
    tell("WATCHDOG=1")
