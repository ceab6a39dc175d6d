"""What a cluster must not leave behind, looked for on the machine rather than in the cluster's own books."""

from pathlib import Path

import psutil

from . import cgroup
from .state import Cluster


def find(cluster: Cluster) -> list[str]:
    """One line for each thing that is left; none is what should be."""
    found = [f"cgroup {path}" for path in cgroup.leftovers(cluster.id)]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line.split()[4]}" for line in mounts if f" {cluster.folder}/" in line]
    if cluster.folder.exists():
        found.append(f"folder {cluster.folder}")
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        if any(word.startswith(f"{cluster.folder}/") or word.endswith(f"={cluster.folder}") for word in words):
            found.append(f"process {process.info['pid']} ({words[0]})")
    return found
