"""What a command took: its time and the most memory it held."""

import os
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Taken:
    """`seconds` by the wall clock; `peak`: resident bytes, of its largest process."""

    code: int
    said: str
    seconds: float
    peak: int


def taken(command: list[str], cwd: str = ".") -> Taken:
    """Run it to its end. The kernel counts from when the child was forked: call it from a process that is small."""
    began = time.monotonic()
    with subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        said = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Taken(process.returncode, said, time.monotonic() - began, usage.ru_maxrss * 1024)
