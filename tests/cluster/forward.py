"""Carries connections of a socket that was opened outside to an address inside.

python -m tests.cluster.forward LISTENING-FD ADDRESS:PORT
"""

import os
import sys

from ..lab.checks import PROXY

CONNECTIONS = "4096"


def forward(listening: int, target: str) -> None:
    """Becomes systemd's proxy, which finds the socket as its descriptor 3."""
    if listening == 3:
        os.set_inheritable(3, True)
    else:
        os.dup2(listening, 3)
    os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    os.execv(PROXY, [str(PROXY), f"--connections-max={CONNECTIONS}", target])  # noqa: S606 - what is wanted


if __name__ == "__main__":
    forward(int(sys.argv[1]), sys.argv[2])
