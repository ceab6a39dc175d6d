"""Spool files: lines on their way out that survive the death of their process.

Each worker has a folder, locked by its main process; each process that runs tasks appends to segments of its own
there. A writer holds a shared lock on its segment as long as it lives, so who gets the exclusive lock knows that
nothing will be added any more. The kernel gives locks back however a process ends.
"""

import fcntl
import logging
import os
import shutil
import threading
import time
from collections import deque
from pathlib import Path

from app.records.lock import ProcessLock

log = logging.getLogger(__name__)

SUFFIX = ".lines"
# Bytes after which a writer begins a new segment, so that what was sent can be removed.
SEGMENT = 4_000_000
# Lines kept in memory while the disk takes none.
MOST_KEPT = 100_000


class Spool:
    """The writing side. One a worker, made before it forks; every process then has its own segment."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._size = 0
        self._number = 0
        self._kept: deque[bytes] = deque(maxlen=MOST_KEPT)
        os.register_at_fork(after_in_child=self._after_fork)

    def append(self, line: bytes) -> None:
        """Write one line, newline included. When it returns the line survives this process, unless the disk is full."""
        with self._lock:
            if self._kept:
                self._kept.append(line)
                line = b"".join(self._kept)
            try:
                if self._fd is None or self._size > SEGMENT:
                    self._open()
                written = os.write(self._fd or 0, line)
                if written < len(line):
                    # A torn line would spoil the next one.
                    os.ftruncate(self._fd or 0, self._size)
                    raise OSError("no space left")
            except OSError as error:
                if not self._kept:
                    log.error("records cannot be written to %s and wait in memory: %s", self._folder, error)
                    self._kept.append(line)
                return
            self._size += written
            self._kept.clear()

    def close(self) -> None:
        """Let go of the segment; the shipper may remove it once it is sent."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
            self._fd = None

    def _open(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
        self._number += 1
        path = self._folder / f"{time.time_ns()}-{os.getpid()}-{self._number}{SUFFIX}"
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_SH)
        self._fd, self._size = fd, 0

    def _after_fork(self) -> None:
        # The parent's segment stays the parent's; closing our copy does not give up its lock.
        self._lock = threading.Lock()
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None
        self._kept.clear()


class Segment:
    """The reading side of one segment: what was sent of it is noted beside it, in `<name>.sent`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._note = os.open(path.with_suffix(".sent"), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        self._offset = _number(os.pread(self._note, 20, 0))

    def read(self, size: int) -> bytes:
        """Whole lines that were not sent yet, about `size` bytes at most; empty when there are none."""
        found = os.pread(self._file, size, self._offset)
        return found[: found.rfind(b"\n") + 1]

    def sent(self, size: int) -> None:
        """Note that the next `size` bytes are safe."""
        self._offset += size
        os.pwrite(self._note, b"%020d" % self._offset, 0)

    def finished(self) -> bool:
        """True when no process can add to it and all was sent."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return not self.read(1 << 16)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        self._path.with_suffix(".sent").unlink(missing_ok=True)

    def close(self) -> None:
        os.close(self._file)
        os.close(self._note)


def _number(note: bytes) -> int:
    """What was noted; 0 where a power cut left something else, so that lines are sent twice rather than never."""
    return int(note) if note.isdigit() else 0


class Folder:
    """A worker's folder of segments, held by one process at a time. Raises Taken when another holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = ProcessLock(path / "lock")
        self._open: dict[Path, Segment] = {}
        self._unreadable: set[Path] = set()

    def segments(self) -> list[Segment]:
        """Every segment, oldest first. One that cannot be read is told once and does not keep up the others."""
        for path in sorted(self.path.glob(f"*{SUFFIX}")):
            if path in self._open or path in self._unreadable:
                continue
            try:
                self._open[path] = Segment(path)
            except OSError as error:
                self._unreadable.add(path)
                log.error("the records in %s cannot be sent: %s", path, error.strerror)
        return list(self._open.values())

    def clear(self) -> bool:
        """Remove finished segments. True when none is left."""
        for path, segment in list(self._open.items()):
            if segment.finished():
                segment.remove()
                segment.close()
                del self._open[path]
        return not self._open

    def close(self) -> None:
        """Let go of it, and remove it when nothing is left in it."""
        for segment in self._open.values():
            segment.close()
        self._open.clear()
        if not any(self.path.glob(f"*{SUFFIX}")):
            shutil.rmtree(self.path, ignore_errors=True)
        self._lock.release()
