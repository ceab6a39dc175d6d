"""Children that do not outlive us, however we end."""

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """For `preexec_fn`: the kernel sends the child SIGTERM when the thread that started it ends, even by SIGKILL.

    Linux only; elsewhere it does nothing, and an orderly end is all that cleans up.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
