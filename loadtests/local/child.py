"""Children that do not outlive us, however we end; as a program, what supervisord starts each process through.

`python child.py FILE`: FILE is JSON with `command`, `environment` and `directory`. That keeps secrets off command lines
and out of supervisord's own way of quoting. Imports nothing of ours: it becomes the command within milliseconds.
"""

import ctypes
import json
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """For `preexec_fn`: the kernel sends the child SIGTERM when the thread that started it ends, even by SIGKILL.

    Linux only; elsewhere it does nothing, and an orderly end is all that cleans up.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def main(file: str) -> None:
    """Become the command that the file describes."""
    with open(file, encoding="utf-8") as opened:  # noqa: PTH123  pathlib would double this program's start-up time
        child = json.load(opened)
    os.chdir(child["directory"])
    die_with_parent()
    os.execve(child["command"][0], child["command"], child["environment"])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1])
