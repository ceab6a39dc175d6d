"""What a machine needs before a cluster is tried on it."""

import contextlib
import os
import shutil
import sys
from pathlib import Path

from ..lab.checks import PROXY
from .errors import ClusterError

PROGRAMS = (
    "containerd", "ctr", "runc", "etcd", "iptables", "nft", "ip", "slirp4netns", "mmdebstrap", "unshare", "nsenter",
)  # fmt: skip
KEY = "fs.inotify.max_user_instances"
PLUGINS = Path("/usr/lib/cni")
FILES = (PROXY, PLUGINS / "ptp", Path("/usr/bin/tini-static"), Path("/bin/busybox"))


# How often a cluster's programs ask the kernel to watch files: the API, controllers, proxy and extras; each node's.
WATCHES, WATCHES_OF_NODE = 16, 7
MOST_WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")


def check_watches(nodes: int) -> None:
    """The kernel allows each user so many, and a lab's hosts take theirs; a part that gets none ends at once."""
    most, taken = int(MOST_WATCHES.read_text()), watches()
    wanted = WATCHES + WATCHES_OF_NODE * nodes
    if taken + wanted > most:
        raise ClusterError(
            f"{KEY} is {most}, {taken} are taken and the cluster needs {wanted}; "
            f"first end what takes them (a lab: make lab-down), or as root: sysctl {KEY}={most + 4 * wanted}"
        )


def watches() -> int:
    """Of this user's processes."""
    found = 0
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it may end meanwhile
            if process.name.isdecimal() and process.stat().st_uid == os.geteuid():
                found += sum(link.readlink().name == "anon_inode:inotify" for link in (process / "fd").iterdir())
    return found


def check_machine(folder: Path) -> None:
    """Raises ClusterError naming everything that is missing."""
    if sys.platform != "linux":
        raise ClusterError("the cluster's node is made of Linux namespaces; use a Linux machine or a virtual one")
    if os.geteuid() != 0:
        raise ClusterError("the cluster needs root for namespaces and mounts; run: sudo make cluster-up")
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    missing += [str(file) for file in FILES if not file.exists()]
    if missing:
        raise ClusterError(f"missing: {', '.join(missing)}; run: scripts/system-packages cluster")
    if folder.is_relative_to("/var"):
        raise ClusterError(f"{folder} is below /var, which the node covers; choose another by WARREN_CLUSTER=FOLDER")
