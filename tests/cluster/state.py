"""What is known about a cluster between two commands: one small file in its folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..throwaway import Throwaway
from .errors import ClusterError

ROOT = Path(__file__).parents[2]
DEFAULT_FOLDER = ROOT / ".cluster"


@dataclass
class State:
    """`holder`: PID 1 of the namespaces. `network`: the inode of their network, which tells who is in it.

    `parts`: what was started, with the process that waits for its end.
    `published`: namespace/service and its address inside, to the address on this machine.
    """

    nodes: list[str]
    kubernetes: str  # folder of the compiled programs
    holder: int = 0
    network: int = 0
    cgroup: str = ""
    server: str = ""
    parts: dict[str, int] = field(default_factory=dict)
    extras: list[str] = field(default_factory=list)
    published: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Cluster(Throwaway[State]):
    """A cluster is its folder; everything else follows from it."""

    KIND: ClassVar = "cluster"
    STATE: ClassVar = State
    ERROR: ClassVar = ClusterError

    @property
    def kubeconfig(self) -> Path:
        """The administrator's, for this machine's own network."""
        return self.folder / "kubeconfig"

    @property
    def pki(self) -> Path:
        return self.folder / "pki"

    @property
    def volumes(self) -> Path:
        return self.folder / "volumes"

    def node(self, name: str) -> Path:
        """The folder with what a node writes."""
        return self.folder / "nodes" / name

    def log(self, part: str) -> Path:
        return self.folder / "logs" / f"{part}.log"
