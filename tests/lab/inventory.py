"""Which hosts there are: those of an inventory."""

import json
import subprocess
import sys
from pathlib import Path

from .errors import LabError
from .ground import PREFIX


def read(inventory: Path) -> tuple[dict[str, str], str]:
    """Names with their addresses in the lab, and the host whose port is published: the first of the group `web`."""
    if not inventory.exists():
        raise LabError(f"{inventory}: there is no such inventory")
    program = Path(sys.executable).parent / "ansible-inventory"
    if not program.exists():
        raise LabError("ansible-inventory is missing; run: make setup-hosts")
    done = subprocess.run([program, "-i", inventory, "--list"], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise LabError(f"{inventory} cannot be read:\n{done.stderr.strip()}")
    groups = json.loads(done.stdout)
    names: list[str] = []
    pending = ["all"]
    while pending:  # in the order in which they are written
        group = groups.get(pending.pop(0), {})
        names += [name for name in group.get("hosts", []) if name not in names]
        pending += group.get("children", [])
    if not names:
        raise LabError(f"{inventory} names no host")
    web = groups.get("web", {}).get("hosts") or names
    return {name: f"{PREFIX}.{11 + index}" for index, name in enumerate(names)}, web[0]
