"""Processes of a stack that outlived their parent, found by the mark that all of the stack carry from birth.

The mark is a random number in the environment a process was started with, noted in the stack's folder. Nothing else
on the machine can carry it, a process that took over an old pid least of all.
"""

import os
from collections.abc import Iterable
from contextlib import suppress

import psutil

MARK = "WARREN_STACK_MARK"


def marked(mark: str) -> list[psutil.Process]:
    """Every live process that carries the mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark and _lives(process):
                found.append(process)
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or somebody else's
    return found


def end(processes: Iterable[psutil.Process], grace: float) -> list[str]:
    """SIGTERM to all, SIGKILL after `grace` seconds. Returns what was ended, such as `beam.smp (pid 12)`."""
    processes = list(processes)
    ended = []
    for process in processes:
        try:
            ended.append(f"{process.name()} (pid {process.pid})")
            process.resume()  # a stopped process would sleep through a SIGTERM
            process.terminate()
        except psutil.Error:
            continue
    _, alive = psutil.wait_procs(processes, timeout=grace)
    kill(alive)
    return ended


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL to each, in this order."""
    processes = list(processes)
    for process in processes:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(processes, timeout=5)


def _lives(process: psutil.Process) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE
