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
INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
WATCHES = 6  # inotify instances of a host's systemd
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


def check_room(hosts: int) -> None:
    """Raises LabError unless so many more systemds can run. Linux lets a user, here root, watch files but so often."""
    limit = int(INOTIFY_LIMIT.read_text())
    used = sum(_watches(process) for process in Path("/proc").iterdir() if process.name.isdecimal())
    if used + hosts * WATCHES > limit:
        raise LabError(
            f"root's programs hold {used} of {limit} inotify instances, and {hosts} hosts need {hosts * WATCHES}; "
            "take another lab down, or: sysctl fs.inotify.max_user_instances=1024"
        )


def _watches(process: Path) -> int:
    try:
        if process.stat().st_uid != 0:
            return 0
        return sum("anon_inode:inotify" in str(each.readlink()) for each in (process / "fd").iterdir())
    except OSError:  # it has ended
        return 0
