"""What a lab must not leave behind, looked for on the machine rather than in the lab's own books."""

from pathlib import Path

import psutil

from . import cgroup
from .ground import strangers
from .state import Lab, State


def find(lab: Lab, state: State | None) -> list[str]:
    """One line for each thing that is left; none is what should be."""
    found = [f"cgroup {path}" for path in cgroup.leftovers(lab.id)]
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    found += [f"mount {line.split()[4]}" for line in mounts if f" {lab.folder}/" in line]
    if lab.folder.exists():
        found.append(f"folder {lab.folder}")
    if state and state.network:
        found += [f"process {pid} in the lab's network" for pid in strangers(state)]
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        if "tests.lab.holder" in words and "" not in words and _of(process, lab):
            found.append(f"process {process.info['pid']} ({words[0]})")
    return found


def _of(process: psutil.Process, lab: Lab) -> bool:
    """By the file its output goes to: nothing else tells one lab's holder from another's."""
    try:
        return Path(f"/proc/{process.pid}/fd/1").readlink().is_relative_to(lab.folder)
    except OSError:
        return False
