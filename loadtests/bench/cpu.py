"""CPU of each process of a stack on this machine, sampled while a phase runs."""

import contextlib
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import psutil

from loadtests.analysis.timeline import MACHINE
from loadtests.generator.parts import Part

EVERY = 1.0


class CpuSampler:
    """A context manager. `processes`: (role, pid) of the stack's own; their children count as theirs."""

    def __init__(self, folder: Path, processes: Iterable[tuple[str, int]]) -> None:
        self._part = Part(folder, "cpu")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, args=(list(processes),), name="cpu", daemon=True)

    def __enter__(self) -> "CpuSampler":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._part.close()

    def _sample(self, processes: list[tuple[str, int]]) -> None:
        watched: list[tuple[str, psutil.Process]] = []
        for role, pid in processes:
            with contextlib.suppress(psutil.Error):
                parent = psutil.Process(pid)
                watched += [(role, process) for process in (parent, *parent.children(recursive=True))]
        psutil.cpu_percent()
        while not self._stop.wait(EVERY):
            now = time.time()
            # All programs together: what the others take away is part of the circumstances.
            whole = psutil.cpu_percent() / 100 * (psutil.cpu_count() or 1)
            self._part.write({"ts": now, "role": MACHINE, "pid": 0, "cpu": whole, "rss": 0})
            for role, process in watched:
                with contextlib.suppress(psutil.Error):
                    cpu, rss = process.cpu_percent() / 100, process.memory_info().rss
                    self._part.write({"ts": now, "role": role, "pid": process.pid, "cpu": cpu, "rss": rss})
            self._part.flush()
