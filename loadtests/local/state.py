"""What is noted of a local stack: a file in its folder; and a lock, so that two commands do not collide."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtests.local.errors import StackBusy
from loadtests.local.secret_file import write_secret
from loadtests.local.supervisor import Supervisor

_NAME = "stack.json"


@dataclass(frozen=True)
class StackState:
    """Written before anything is started, removed when everything has ended. Holds secrets: mode 0600."""

    mark: str
    supervisor_port: int
    supervisor_password: str
    host: str
    port: int
    token: str | None
    stack_file: str
    metrics: dict[str, str]
    heartbeats: dict[str, str]
    roles: dict[str, str]
    flower: str | None

    def write(self, directory: Path) -> None:
        """Into the stack's folder."""
        write_secret(directory / _NAME, json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, directory: Path) -> "StackState | None":
        """None when no stack was started there, or it was stopped in order."""
        try:
            return cls(**json.loads((directory / _NAME).read_text()))
        except FileNotFoundError:
            return None

    @staticmethod
    def remove(directory: Path) -> None:
        """The stack is no more."""
        (directory / _NAME).unlink(missing_ok=True)

    def supervisor(self, directory: Path) -> Supervisor:
        """Its supervisord."""
        return Supervisor(directory, self.supervisor_port, self.supervisor_password)

    @property
    def url(self) -> str:
        """The front end, as this machine reaches it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  compared, not bound
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Only one command at a time starts or stops the stack of this folder. Raises StackBusy."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    # Beside the folder, because the folder itself may be removed meanwhile. The kernel lets go when we end.
    path = directory.parent / f".{directory.name}.lock"
    with path.open("w") as file:
        busy = StackBusy(f"another command is starting or stopping the stack in {directory}; wait for it")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise busy from error
        if os.fstat(file.fileno()).st_nlink == 0:
            raise busy  # its holder took the file away between our open and our lock
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
