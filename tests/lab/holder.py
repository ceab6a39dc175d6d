"""PID 1 of a lab: makes its network, publishes one port, and is there. When it ends, all hosts end.

python -m tests.lab.holder READY-FD LISTENING-FD ADDRESS:PORT
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from .checks import PROXY
from .ground import GATEWAY, PREFIX

CONNECTIONS = "1024"
TRANSLATION = f"""
table ip lab {{
  chain out {{
    type nat hook postrouting priority 100
    ip saddr {PREFIX}.0/24 oifname tap0 masquerade
  }}
}}
"""


def main(ready: int, listening: int, target: str) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to be waited for
    mounts()
    network()
    publish(listening, target)
    os.write(ready, b"ready")
    os.close(ready)
    while True:
        signal.pause()


def mounts() -> None:
    """Of the lab alone: /run for its networks, and its own cgroup as the only one to be seen."""
    call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    call("umount", "--recursive", "--lazy", "/sys/fs/cgroup")
    call("mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")


def network() -> None:
    """A bridge for the hosts, and address translation towards the way out."""
    links = ["link set lo up", "link add br0 type bridge", f"address add {GATEWAY}/24 dev br0", "link set br0 up"]
    call("ip", "-batch", "-", text="\n".join(links))
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    call("nft", "-f", "-", text=TRANSLATION)


def publish(listening: int, target: str) -> None:
    """Hand over a socket that was opened outside: connections come in there and go on from in here."""
    if os.fork():
        os.close(listening)
        return
    os.dup2(listening, 3)
    os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    os.execv(PROXY, [str(PROXY), f"--connections-max={CONNECTIONS}", target])  # noqa: S606


def call(*command: str, text: str | None = None) -> None:
    # Popen.wait() copes with children that the kernel has reaped already; the exit code is lost with them.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        subprocess.run(command, input=text, text=True, check=True)
    finally:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
