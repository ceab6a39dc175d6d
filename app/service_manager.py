"""What a process tells systemd, when systemd started it with `Type=notify`; without effect everywhere else."""

import os
from contextlib import suppress

from sdnotify import SystemdNotifier

# Seconds added to each promise: connecting may take its time before the next one is made.
MARGIN = 30.0


def tell(message: str) -> None:
    """One message of sd_notify(3)."""
    if "NOTIFY_SOCKET" in os.environ:
        # Without `debug` it swallows every exception, even the one by which a signal ends this process.
        with suppress(OSError):
            SystemdNotifier(debug=True).notify(message)


def ready(status: str) -> None:
    """The start is over: this process does its work."""
    tell(f"READY=1\nSTATUS={status}")


def waiting(seconds: float) -> None:
    """The broker is away: to wait for it is not a failed start. To be said again within that time."""
    tell(f"EXTEND_TIMEOUT_USEC={round((seconds + MARGIN) * 1e6)}\nSTATUS=waiting for the broker")


def alive() -> None:
    """Feed the watchdog."""
    tell("WATCHDOG=1")
