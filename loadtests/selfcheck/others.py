"""How much of the machine programs of no part of a check used: what spoils a measurement and is nobody's fault."""

import contextlib
import time
from types import TracebackType

import psutil

from loadtests.analysis.analyse import NOISE


class Others:
    """A context manager; `cores`: the mean over it, once it is over."""

    cores = 0.0

    def __enter__(self) -> "Others":
        self._began = time.monotonic(), _machine(), _ours()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cores = self.so_far()

    def so_far(self) -> float:
        """Cores, mean since it began."""
        began, machine, ours = self._began
        used = (_machine() - machine) - (_ours() - ours)
        return max(0.0, used / max(time.monotonic() - began, 1e-3))


def busy(cores: float) -> bool:
    """Whether others used so much that what was measured cannot be blamed on the instrument."""
    return cores > NOISE


def _machine() -> float:
    """Seconds of processor time since boot, of all programs and of what a hypervisor took."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Time of guests is in that of users already.
    twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - twice)


def _ours() -> float:
    """Of this process and all below it, the ended ones included."""
    total = 0.0
    for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
