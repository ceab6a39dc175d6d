"""The cgroup that holds every process of a lab, so that none can be forgotten."""

import contextlib
import os
import shutil
import time
from pathlib import Path

from .errors import LabError

SYSTEMD = Path("/run/systemd/system")
CONTROLLERS = {"cpu", "memory", "pids", "io"}
KEEPER = "keeper"  # the leaf of what is not a host: PID 1 of the lab, the way out, the published port


def root() -> Path:
    """Where cgroup v2 is mounted on this machine; beside the older version it is `unified`."""
    for path in (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")):
        if (path / "cgroup.procs").exists() and (path / "cgroup.controllers").exists():
            return path
    raise LabError("cgroup v2 is not mounted here; as root: mount -t cgroup2 none /sys/fs/cgroup, or boot with it")


def wrapper(name: str) -> list[str]:
    """What to put before a command so that it starts in the lab's own cgroup."""
    if SYSTEMD.exists():
        return ["systemd-run", "--quiet", "--scope", "--collect", "--property=Delegate=yes", f"--unit={name}"]
    path = root() / name
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise LabError(f"cannot make {path}: {error.strerror}; a container needs its cgroups writable") from error
    return inside(path)


def inside(path: Path) -> list[str]:
    """The same for a cgroup that exists."""
    return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(path)]


def of(pid: int) -> Path:
    """The cgroup a process is in."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        if line.startswith("0::"):
            return root() / line.removeprefix("0::/")
    raise LabError(f"process {pid} is in no cgroup v2")


def settle(path: Path) -> None:
    """Move what has started into a leaf and hand the controllers on: only leaves may hold processes then."""
    leaf = path / KEEPER
    leaf.mkdir(exist_ok=True)
    for pid in (path / "cgroup.procs").read_text().split():
        (leaf / "cgroup.procs").write_text(pid)
    usable = CONTROLLERS & set((path / "cgroup.controllers").read_text().split())
    if usable:
        (path / "cgroup.subtree_control").write_text(" ".join(f"+{each}" for each in sorted(usable)))


def populated(path: Path) -> bool:
    try:
        return "populated 1" in (path / "cgroup.events").read_text()
    except OSError:
        return False


def processes(path: Path) -> list[int]:
    """Of the cgroup and those below it."""
    found: list[int] = []
    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in (Path(folder) / "cgroup.procs").read_text().split()]
    return found


def end(path: Path) -> None:
    """Kill everything in it at once and take it away. Raises LabError when something does not go."""
    if not path.exists():
        return
    deadline = time.monotonic() + 20
    with contextlib.suppress(OSError):
        (path / "cgroup.kill").write_text("1")
    while populated(path):
        if time.monotonic() > deadline:
            raise LabError(f"these processes in {path} do not end: {processes(path)}")
        time.sleep(0.05)
    while path.exists():
        for folder, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):  # a dying process may hold it a moment longer; a scope goes by itself
                Path(folder).rmdir()
        if path.exists() and time.monotonic() > deadline:
            raise LabError(f"{path} cannot be removed")
        time.sleep(0.02)


def leftovers(name: str) -> list[Path]:
    """Cgroups of that name anywhere: the lab's folder may be gone while its processes are not."""
    if not shutil.which("nsenter") and not SYSTEMD.exists():
        return []
    try:
        base = root()
    except LabError:
        return []
    return [*base.glob(name), *base.glob(f"*/{name}.scope"), *base.glob(f"*/*/*/{name}.scope")]
