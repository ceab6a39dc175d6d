"""runc for a machine whose root lacks CAP_SYS_RESOURCE, as in many containers: asks for no more than may be had.

Called as runc is, with a bare interpreter; it must import nothing of ours.
"""

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

CAPABILITY = "CAP_SYS_RESOURCE"
BIT = 24


def capable() -> bool:
    """Whether this machine's root may have it."""
    status = Path("/proc/self/status").read_text().split("CapBnd:")[1].split()[0]
    return bool(int(status, 16) >> BIT & 1)


def humble(process: dict[str, Any]) -> None:
    """Without the capability, limits within our own, and never safer from the kernel's memory killer than we are."""
    for held in (process.get("capabilities") or {}).values():
        if CAPABILITY in held:
            held.remove(CAPABILITY)
    for limit in process.get("rlimits") or []:
        _, most = resource.getrlimit(getattr(resource, limit["type"]))
        if most != resource.RLIM_INFINITY:
            limit["hard"] = min(limit["hard"], most)
            limit["soft"] = min(limit["soft"], limit["hard"])
    if process.get("oomScoreAdj") is not None:
        process["oomScoreAdj"] = max(process["oomScoreAdj"], int(Path("/proc/self/oom_score_adj").read_text()))


def rewrite(words: list[str]) -> None:
    """The file in which runc will find what to start."""

    def value(option: str) -> str | None:
        return words[words.index(option) + 1] if option in words else None

    if "create" in words:
        file, part = Path(value("--bundle") or value("-b") or ".") / "config.json", "process"
    elif "exec" in words and (name := value("--process") or value("-p")):
        file, part = Path(name), ""
    else:
        return
    spec = json.loads(file.read_text())
    humble(spec[part] if part else spec)
    file.write_text(json.dumps(spec))


if __name__ == "__main__":
    rewrite(sys.argv[1:])
    os.execvp("runc", ["runc", *sys.argv[1:]])  # noqa: S606 - what is wanted
