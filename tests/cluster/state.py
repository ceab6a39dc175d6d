"""What is known about a cluster between two commands: one small file in its folder."""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..lab.state import network_of
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
class Cluster:
    """A cluster is its folder; everything else follows from it."""

    folder: Path

    @property
    def id(self) -> str:
        """A name that no other checkout's cluster has."""
        return f"warren-cluster-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

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

    def save(self, state: State) -> None:
        new = self.folder / "state.json.new"
        new.write_text(json.dumps(asdict(state), indent=2))
        new.replace(self.folder / "state.json")

    def load(self) -> State | None:
        """None when there is no cluster."""
        try:
            return State(**json.loads((self.folder / "state.json").read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise ClusterError(f"{self.folder / 'state.json'} cannot be read; run: make cluster-down") from error

    def is_up(self) -> bool:
        """Whether its namespaces are there. A number that another process got since does not count."""
        state = self.load()
        try:
            return state is not None and network_of(state.holder) == state.network
        except OSError:
            return False

    def running(self) -> State:
        """Raises ClusterError unless it is up."""
        state = self.load()
        if state is None or not self.is_up():
            raise ClusterError(f"no cluster is up in {self.folder}; run: make cluster-up")
        return state

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time makes or takes away a cluster."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise ClusterError(f"another command is at work on {self.folder}; wait for its end") from error
            yield
