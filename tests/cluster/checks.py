"""What a machine needs before a cluster is tried on it."""

import os
import shutil
import sys
from pathlib import Path

from ..lab.checks import PROXY
from .errors import ClusterError

PROGRAMS = (
    "containerd", "ctr", "runc", "etcd", "iptables", "nft", "ip", "slirp4netns", "mmdebstrap", "unshare", "nsenter",
)  # fmt: skip
PLUGINS = Path("/usr/lib/cni")
FILES = (PROXY, PLUGINS / "ptp", Path("/usr/bin/tini-static"), Path("/bin/busybox"))


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
