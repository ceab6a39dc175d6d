"""What a machine needs before a lab is tried on it."""

import os
import shutil
import sys
from pathlib import Path

from .errors import LabError

PROGRAMS = [
    "systemd-nspawn",
    "mmdebstrap",
    "slirp4netns",
    "nft",
    "ip",
    "ssh",
    "ssh-keygen",
    "socat",
    "unshare",
    "nsenter",
]
PROXY = Path("/lib/systemd/systemd-socket-proxyd")


def check_machine() -> None:
    """Raises LabError naming everything that is missing."""
    if sys.platform != "linux":
        raise LabError("the lab's hosts are made of Linux namespaces; use a Linux machine or a virtual one")
    if os.geteuid() != 0:
        raise LabError("the lab needs root for namespaces and mounts; run: sudo make lab-up")
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    missing += [] if PROXY.exists() else [str(PROXY)]
    if missing:
        raise LabError(f"missing: {', '.join(missing)}; run: scripts/system-packages lab")
    kernel = Path("/proc/filesystems").read_text().split()
    if "overlay" not in kernel and not shutil.which("modprobe"):
        raise LabError("this kernel has no overlay file system, on which the hosts' disks stand")
    if "cgroup2" not in kernel:
        raise LabError("this kernel has no cgroup v2, which systemd needs")
