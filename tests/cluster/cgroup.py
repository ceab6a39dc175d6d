"""The cgroups that hold every process of a cluster, so that none can be forgotten.

The newer hierarchy is handled as the lab does; beside it may be the older ones, one for each controller.
"""

import contextlib
import os
import time
from pathlib import Path

from ..lab import cgroup as newer
from .errors import ClusterError

BASE = Path("/sys/fs/cgroup")
CONTROLLERS = {"cpu", "cpuset", "memory", "hugetlb", "pids", "io"}  # those the kubelet insists on, where they are


def older() -> list[Path]:
    """Hierarchies of cgroup v1 on this machine: none on most."""
    if (BASE / "cgroup.procs").exists():
        return []
    found = {path.resolve() for path in BASE.iterdir() if (path / "cgroup.procs").exists()}
    return sorted(path for path in found if not (path / "cgroup.controllers").exists())


def make(name: str) -> None:
    """The older ones."""
    for hierarchy in older():
        try:
            _make(hierarchy / name)
            _make(hierarchy / name / newer.KEEPER)
        except OSError as error:
            way = "a container needs its cgroups writable"
            raise ClusterError(f"cannot make {hierarchy / name}: {error.strerror}; {way}") from error


def _make(path: Path) -> None:
    """A cpuset is of no use before it says which."""
    path.mkdir(exist_ok=True)
    for file in ("cpuset.cpus", "cpuset.mems"):
        if (path / file).exists() and (path.parent / file).exists():
            (path / file).write_text((path.parent / file).read_text())


def starting(name: str) -> list[str]:
    """What to put before the very first command."""
    return [*newer.wrapper(name), *_joining([path / name / newer.KEEPER for path in older()])]


def inside(name: str, path: str) -> list[str]:
    """What to put before any other. `path`: the newer one, as `starting` made it."""
    return _joining([Path(path) / newer.KEEPER, *(each / name / newer.KEEPER for each in older())])


def _joining(paths: list[Path]) -> list[str]:
    listed = " ".join(str(path / "cgroup.procs") for path in paths)
    return ["sh", "-c", 'for procs in $0; do echo $$ >"$procs" || exit 1; done; exec "$@"', listed]


def of_pods(name: str, path: str, node: str) -> str:
    """Make what will hold a node's pods; named as the kubelet wants it, from the hierarchy's root."""
    for hierarchy in older():
        _make(hierarchy / name / node)
    pods = Path(path) / node
    pods.mkdir(exist_ok=True)
    for place in (pods.parent, pods):
        for controller in CONTROLLERS & set((place / "cgroup.controllers").read_text().split()):
            (place / "cgroup.subtree_control").write_text(f"+{controller}")
    return f"/{name}/{node}" if older() else f"/{pods.relative_to(newer.root())}"


def processes(name: str, path: str) -> list[int]:
    """Of the cluster, wherever they are."""
    places = [hierarchy / name for hierarchy in older()] + ([Path(path)] if path else [])
    return sorted({pid for place in places if place.exists() for pid in newer.processes(place)})


def end(name: str, path: str) -> None:
    """Kill everything in them and take them away. Raises when something does not go."""
    for each in {*newer.leftovers(name), *([Path(path)] if path else [])}:
        newer.end(each)
    deadline = time.monotonic() + 20
    while left := [place for place in leftovers(name) if place.exists()]:
        for place in left:
            for pid in newer.processes(place):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, 9)
            for folder, _, _ in os.walk(place, topdown=False):
                with contextlib.suppress(OSError):  # a dying process may hold it a moment longer
                    Path(folder).rmdir()
        if time.monotonic() > deadline:
            raise ClusterError(f"cannot be removed: {', '.join(map(str, left))}")
        time.sleep(0.02)


def leftovers(name: str) -> list[Path]:
    return [*newer.leftovers(name), *(path / name for path in older() if (path / name).exists())]
