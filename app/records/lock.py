"""A lock that one process holds until it ends, however it ends; its forked children do not share it."""

import fcntl
import os
from pathlib import Path


class Taken(Exception):
    """Another process holds the lock."""


class ProcessLock:
    """Held from now on. Raises Taken."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        # A child that outlives its parent would otherwise keep the lock.
        os.register_at_fork(after_in_child=self.release)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.release()
            raise Taken(f"{path} is in use") from None

    def release(self) -> None:
        """Let go of it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
