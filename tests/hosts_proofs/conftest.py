"""The lab with the stack on it, made as a user makes it, and hands to break it.

pytest tests/hosts_proofs                    fresh hosts, `site.yml`, then every proof
pytest tests/hosts_proofs --as-it-is         on a lab that is up and has the stack on it already
SUITE=bookworm pytest tests/hosts_proofs     on the older Debian
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from loadtests.hosts import inventory

from ..front_end import FrontEnd, wait_until
from ..lab.checks import check_machine
from ..lab.errors import LabError
from ..lab.state import DEFAULT_FOLDER, Lab
from ..under_load import Where

ROOT = Path(__file__).parents[2]
INVENTORY = "inventory/lab.yml"
LIMIT = 900  # seconds for any one command


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("proofs").addoption("--as-it-is", action="store_true", help="the lab is up and has the stack on it")


@dataclass
class Play:
    """An `ansible-playbook` that ended: its exit code, what it said, and each host's counts of the recap."""

    code: int
    said: str
    recap: dict[str, dict[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for host, counts in re.findall(r"^(\S+)\s+: (ok=\d+ .*)$", self.said, re.MULTILINE):
            self.recap[host] = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", counts)}

    def total(self, what: str) -> int:
        return sum(counts.get(what, 0) for counts in self.recap.values())

    def assert_well(self) -> "Play":
        assert self.code == 0 and self.recap, self.said[-6000:]
        assert self.total("failed") == self.total("unreachable") == 0, self.said[-6000:]
        return self


class Site:
    """The hosts of the lab's inventory with what the playbooks put there."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.hosts = list(lab.running().hosts)

    # The operator's commands

    def play(self, playbook: str, *options: str, check: bool = True) -> Play:
        """`ansible-playbook -i inventory/lab.yml ansible/<playbook>`; with `check` it must end well."""
        done = subprocess.run(
            [*self.command(playbook), *options],
            cwd=ROOT,
            env=os.environ | {"ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
        )
        play = Play(done.returncode, done.stdout)
        return play.assert_well() if check else play

    @staticmethod
    def command(playbook: str) -> list[str]:
        return [str(Path(sys.executable).parent / "ansible-playbook"), "-i", INVENTORY, f"ansible/{playbook}"]

    # The lab's hands

    def do(self, what: str, *words: str) -> str:
        """A command of the lab's: `kill broker1`, `cut worker2`, …"""
        return _lab(self.lab, what, *words)

    def on(self, host: str, command: str, check: bool = True) -> str:
        """What a shell command on a host prints."""
        done = subprocess.run(
            ["ssh", "-F", str(self.lab.ssh_config), host, command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        assert not check or done.returncode == 0, f"{host}: {command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout.strip()

    # What stands there

    @property
    def where(self) -> Where:
        deployment = inventory.read(ROOT / INVENTORY)
        return Where(deployment.url, deployment.token)

    def front(self) -> FrontEnd:
        where = self.where
        front = FrontEnd(where.url)
        front.headers["Authorization"] = f"Bearer {where.token}"
        return front

    def ready(self, within: float = 120) -> None:
        """Wait until the front end can hand tasks to the broker."""
        wait_until(self.front().is_ready, "readiness", within)

    def workers(self, host: str) -> dict[str, int]:
        """Worker units of a host that are active, and the pid of each one's main process."""
        shown = self.on(host, "systemctl show --property=Id,MainPID,ActiveState 'warren-worker@*'")
        units = [dict(line.split("=", 1) for line in block.splitlines()) for block in shown.split("\n\n") if block]
        return {unit["Id"]: int(unit["MainPID"]) for unit in units if unit["ActiveState"] == "active"}

    def queue_leader(self, queue: str) -> str:
        """The broker host that leads a quorum queue."""
        asked = f"rabbitmqctl --silent list_queues --vhost {self.vhost} name leader 2>/dev/null | grep -w ^{queue}"
        broker = next(host for host in self.hosts if host.startswith("broker"))
        return self.on(broker, asked).split()[-1].partition("@")[2]

    vhost = "warren"


def _lab(lab: Lab, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab", "--lab", str(lab.folder), *words],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """The hosts: fresh ones, or with `--as-it-is` those of the checkout's lab."""
    try:
        check_machine()
    except LabError as error:
        pytest.skip(str(error))
    if request.config.getoption("--as-it-is"):
        yield Lab(Path(os.environ.get("WARREN_LAB", DEFAULT_FOLDER)))
        return
    made = Lab(tmp_path_factory.mktemp("proofs") / "lab")
    os.environ["WARREN_LAB"] = str(made.folder)  # read by inventory/lab.yml
    try:
        _lab(made, "up")
        yield made
    finally:
        _lab(made, "down")
        del os.environ["WARREN_LAB"]


@dataclass
class Runs:
    """The first runs of site.yml on fresh hosts."""

    dry: Play
    first: Play
    second: Play
    dry_again: Play


@pytest.fixture(scope="session")
def runs(lab: Lab, request: pytest.FixtureRequest) -> Runs | None:
    """None with `--as-it-is`."""
    if request.config.getoption("--as-it-is"):
        return None
    site = Site(lab)
    return Runs(
        dry=site.play("site.yml", "--check", "--diff", check=False),
        first=site.play("site.yml", check=False),
        second=site.play("site.yml", check=False),
        dry_again=site.play("site.yml", "--check", "--diff", check=False),
    )


@pytest.fixture
def site(lab: Lab, runs: Runs | None) -> Iterator[Site]:
    """The stack on its hosts, ready. A test that breaks something mends it."""
    if runs:
        runs.first.assert_well()
    site = Site(lab)
    site.ready()
    yield site
