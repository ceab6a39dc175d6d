"""What a lab and a cluster have in common: namespaces of their own, known by a folder with one small file in it."""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar


class Standing(Protocol):
    """`holder`: PID 1 of the namespaces. `network`: the inode of their network, which tells who is in it."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    holder: int
    network: int


S = TypeVar("S", bound=Standing)


def network_of(pid: int) -> int:
    """Which network namespace a process is in."""
    return Path(f"/proc/{pid}/ns/net").stat().st_ino


@dataclass(frozen=True)
class Throwaway(Generic[S]):
    """It is its folder; everything else follows from that. `KIND`: lab or cluster, as in `make lab-up`."""

    folder: Path

    KIND: ClassVar[str]
    STATE: ClassVar[Any]
    ERROR: ClassVar[type[Exception]]

    @property
    def id(self) -> str:
        """A name that no other checkout's has."""
        return f"warren-{self.KIND}-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    def save(self, state: S) -> None:
        new = self.folder / "state.json.new"
        new.write_text(json.dumps(asdict(state), indent=2))
        new.replace(self.folder / "state.json")

    def load(self) -> S | None:
        """None when there is none."""
        try:
            found: S = self.STATE(**json.loads((self.folder / "state.json").read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise self.ERROR(f"{self.folder / 'state.json'} cannot be read; run: make {self.KIND}-down") from error
        return found

    def is_up(self) -> bool:
        """Whether its namespaces are there. A number that another process got since does not count."""
        state = self.load()
        try:
            return state is not None and network_of(state.holder) == state.network
        except OSError:
            return False

    def running(self) -> S:
        """Raises ERROR unless it is up."""
        state = self.load()
        if state is None or not self.is_up():
            raise self.ERROR(f"no {self.KIND} is up in {self.folder}; run: make {self.KIND}-up")
        return state

    def first_process(self, unshare: int) -> int:
        """PID 1 of the namespaces, as this machine numbers it: what `unshare` has forked."""
        children = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
        if not children:
            raise self.ERROR(f"the {self.KIND}'s first process has ended at once")
        return int(children[0])

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One command at a time makes it or takes it away."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise self.ERROR(f"another command is at work on {self.folder}; wait for its end") from error
            yield
