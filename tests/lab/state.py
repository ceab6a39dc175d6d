"""What is known about a lab between two commands: one small file in its folder."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ..throwaway import Throwaway
from .errors import LabError

ROOT = Path(__file__).parents[2]
DEFAULT_FOLDER = ROOT / ".lab"


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
class Lab(Throwaway[State]):
    """A lab is its folder; everything else follows from it."""

    KIND: ClassVar = "lab"
    STATE: ClassVar = State
    ERROR: ClassVar = LabError

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
