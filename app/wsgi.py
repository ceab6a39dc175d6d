"""What granian leaves to the programs it runs: a taken port is named, and no process outlives its main process."""

import errno
import os
import signal
import socket
import threading
import time

import click

# Seconds between two looks whether the main process is still there.
_PARENT_CHECK = 0.5
# Seconds that a process whose main process was killed may take for the requests it has, and hold the port.
_ORPHAN_GRACE = 2.0
_PORT_PATIENCE = _PARENT_CHECK + _ORPHAN_GRACE + 0.5


def check_port(host: str, port: int, variables: str) -> None:
    """Raises UsageError where one cannot listen: granian would print a traceback. `variables`: what to change."""
    deadline = time.monotonic() + _PORT_PATIENCE
    while True:
        try:
            socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
            return
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise click.UsageError(
                f"cannot listen on {host} port {port}: {error.strerror}; set {variables} to another"
            ) from error


def end_with_parent() -> None:
    """End this process when its main process is gone, even by SIGKILL: the port would stay taken."""
    threading.Thread(target=_watch, args=(os.getppid(),), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK)
    os.kill(os.getpid(), signal.SIGTERM)
    # Whoever would have enforced its end is gone.
    time.sleep(_ORPHAN_GRACE)
    os.kill(os.getpid(), signal.SIGKILL)
