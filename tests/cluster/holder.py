"""PID 1 of a cluster: makes its mounts and settings, and is there. When it ends, all of the cluster ends.

python -m tests.cluster.holder READY-FD LISTENING-FD FOLDER NODE…
"""

import os
import signal
import subprocess
import sys
from pathlib import Path

from .addresses import DNS, DOMAIN, NODE, SHORT
from .forward import forward
from .ground import API

# Settings of the whole machine that the kubelet wants to write: it finds files with what it wants to see instead.
SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def main(ready: int, listening: int, folder: Path, nodes: list[str]) -> None:
    mounts(folder)
    settings(nodes)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody has to be waited for
    if not os.fork():
        os.close(ready)
        forward(listening, API)  # the API's door on this machine
    os.close(listening)
    os.write(ready, b"ready")
    os.close(ready)
    while True:
        signal.pause()


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def mounts(folder: Path) -> None:
    """Pods' volumes must be seen by all parts; what the parts write to fixed places stays in the folder."""
    mount("--make-rshared", "/")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    # Of this network's cards, with the machine's cgroups as they are.
    system = folder / "sys"
    system.mkdir()
    mount("-t", "sysfs", "sysfs", str(system))
    mount("--rbind", "/sys/fs/cgroup", str(system / "fs/cgroup"))
    mount("--rbind", str(system), "/sys")
    # The kubelet's sockets: a long path to the folder would not fit into a socket's address.
    SHORT.mkdir()
    mount("--rbind", str(folder), str(SHORT))
    layers = [folder / "var/upper", folder / "var/work"]
    for layer in layers:
        layer.mkdir(parents=True)
    mount("-t", "overlay", "overlay", "-o", f"lowerdir=/var,upperdir={layers[0]},workdir={layers[1]}", "/var")


def settings(nodes: list[str]) -> None:
    for name, value in SETTINGS.items():
        cover(Path("/proc/sys") / name, value)
    cover(Path("/etc/hosts"), f"127.0.0.1 localhost\n{NODE} {' '.join(nodes)}")
    search = f"svc.{DOMAIN} {DOMAIN}"
    cover(Path("/etc/resolv.conf"), f"nameserver {DNS}\nsearch {search}\noptions ndots:5")
    subprocess.run(["hostname", nodes[0]], check=True)


def cover(place: Path, text: str) -> None:
    """Show a file of the cluster's in that place."""
    file = Path("/run/covers") / str(place).replace("/", ".")
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"{text}\n")
    place = place.resolve()
    if place.is_relative_to("/run"):  # where a link led to; this /run is new and empty
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    mount("--bind", str(file), str(place))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
