"""What is known about a lab between two commands: one small file in its folder."""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .errors import LabError

ROOT = Path(__file__).parents[2]
DEFAULT_FOLDER = ROOT / ".lab"


def network_of(pid: int) -> int:
    """Which network namespace a process is in."""
    return Path(f"/proc/{pid}/ns/net").stat().st_ino


@dataclass
class State:
    """`hosts`: name to address. `network`: the inode of the lab's network namespace, which tells who is in it."""

    suite: str
    image: str
    hosts: dict[str, str]
    published: str
    holder: int = 0
    network: int = 0
    cgroup: str = ""
    url: str = ""
    slowed: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Lab:
    """A lab is its folder; everything else follows from it."""

    folder: Path

    @property
    def id(self) -> str:
        """A name that no other checkout's lab has."""
        return f"warren-lab-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    @property
    def ssh_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def url_file(self) -> Path:
        return self.folder / "url"

    def host(self, name: str) -> Path:
        """The folder with a host's disk and console."""
        return self.folder / "hosts" / name

    def save(self, state: State) -> None:
        new = self.folder / "state.json.new"
        new.write_text(json.dumps(asdict(state), indent=2))
        new.replace(self.folder / "state.json")

    def load(self) -> State | None:
        """None when there is no lab."""
        try:
            return State(**json.loads((self.folder / "state.json").read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise LabError(f"{self.folder / 'state.json'} cannot be read; run: make lab-down") from error

    def is_up(self) -> bool:
        """Whether the lab's namespaces are there. A number that another process got since does not count."""
        state = self.load()
        try:
            return state is not None and network_of(state.holder) == state.network
        except OSError:
            return False

    def running(self) -> State:
        """Raises LabError unless the lab is up."""
        state = self.load()
        if state is None or not self.is_up():
            raise LabError(f"no lab is up in {self.folder}; run: make lab-up")
        return state

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time makes or takes away a lab."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise LabError(f"another command is at work on {self.folder}; wait for its end") from error
            yield
