"""A lab of the tests' own, of three small hosts, beside whatever lab the checkout has."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from . import network
from .errors import LabError
from .state import ROOT

HOSTS = ("one", "two", "front")
INVENTORY = "[all]\none\ntwo\nfront\n[web]\nfront\n"
SMALL = "[web]\nfront\n"


@dataclass
class Commands:
    """`python -m tests.lab` on one folder."""

    folder: Path
    inventory: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.lab", "--lab", str(self.folder), *words],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def try_(self, *words: str) -> tuple[int, str]:
        """Exit code and all it said."""
        process = self.start(*words)
        said, _ = process.communicate(timeout=1800)
        return process.returncode, said

    def __call__(self, *words: str) -> str:
        code, said = self.try_(*words)
        assert code == 0, said
        return said

    def up(self) -> str:
        return self("up", "--inventory", str(self.inventory))

    def on(self, host: str, command: str) -> str:
        """What a command on a host says."""
        return self("shell", host, command).strip()


@pytest.fixture(scope="session", autouse=True)
def able() -> None:
    """Only where a lab can be made; elsewhere the reason says what to do."""
    from .checks import check_machine

    try:
        check_machine()
    except LabError as error:
        pytest.skip(str(error))


def commands(folder: Path, hosts: str) -> Commands:
    inventory = folder / "hosts.ini"
    inventory.write_text(hosts)
    return Commands(folder / "lab", inventory)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """A lab that is up. A test leaves its hosts running and connected."""
    made = commands(tmp_path_factory.mktemp("lab"), INVENTORY)
    made.up()
    yield made
    made("down")


@pytest.fixture
def no_lab(tmp_path: Path) -> Iterator[Commands]:
    """One that is not up yet."""
    made = commands(tmp_path, SMALL)
    yield made
    made("down")


@pytest.fixture(autouse=True)
def machine_untouched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The machine itself sees neither the lab's network nor its mounts."""
    yield
    cards = {card.name for card in Path("/sys/class/net").iterdir()}
    assert not cards & {"tap0", *(network.link(host) for host in HOSTS)}
    assert str(tmp_path_factory.getbasetemp()) not in Path("/proc/self/mountinfo").read_text()
