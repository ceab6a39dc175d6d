"""scripts/system-packages: installs what is missing, starts no service, leaves the machine's policy as it was.

It runs here on a root folder and a PATH of its own, where apt-get and its kind only note how they were called.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/system-packages"
TOOLS = ("bash", "sh", "rm", "mv", "chmod", "cat", "dirname", "basename", "sleep", "touch")

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="on macOS the script asks Homebrew, which needs none of this"
)


class Machine:
    """A machine that is made up."""

    def __init__(self, root: Path) -> None:
        self.root, self.bin, self.calls = root, root / "bin", root / "calls"
        self.policy = root / "usr/sbin/policy-rc.d"
        self.policy.parent.mkdir(parents=True)
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.program("id", "echo 0")
        # What a package's own scripts would be told while it is being installed.
        self.program("apt-get", f'"{self.policy}" rabbitmq-server start; echo "apt-get $1: policy $?" >>"{self.calls}"')
        self.program("update-rc.d", f'echo "update-rc.d $*" >>"{self.calls}"')
        self.program("systemctl", f'echo "systemctl $*" >>"{self.calls}"')

    def program(self, name: str, body: str) -> None:
        (self.bin / name).unlink(missing_ok=True)
        (self.bin / name).write_text(f"#!/bin/sh\n{body}\n")
        (self.bin / name).chmod(0o755)

    def has(self, path: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o755)

    def start(self, *sets: str) -> subprocess.Popen[str]:
        environment = {"PATH": str(self.bin), "WARREN_SYSTEM_ROOT": str(self.root), "HOME": os.environ.get("HOME", "/")}
        pipe = subprocess.PIPE
        return subprocess.Popen([str(SCRIPT), *sets], env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, *sets: str) -> tuple[int, str]:
        process = self.start(*sets)
        said = "".join(process.communicate(timeout=30))
        return process.returncode, said

    def called(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_what_is_there_is_left_alone(machine: Machine) -> None:
    machine.has("usr/lib/rabbitmq/bin/rabbitmq-server")
    assert machine.run("rabbitmq") == (0, "")
    assert machine.called() == []


def test_the_package_comes_without_its_service(machine: Machine) -> None:
    code, said = machine.run("rabbitmq")
    assert code == 0, said
    assert machine.called() == [
        "apt-get update: policy 101",
        "apt-get install: policy 101",
        "systemctl disable --quiet rabbitmq-server"
        if Path("/run/systemd/system").is_dir()
        else "update-rc.d rabbitmq-server disable",
    ]
    assert said.index("installing rabbitmq-server") < said.index("was not started and will not start at boot")
    assert not machine.policy.exists()


@pytest.mark.parametrize("apt_get", ["true", "exit 100"])
def test_a_policy_of_the_machine_comes_back(machine: Machine, apt_get: str) -> None:
    machine.policy.write_text("the machine's own")
    machine.program("apt-get", apt_get)
    code, _ = machine.run("rabbitmq")
    assert (code == 0) == (apt_get == "true")
    assert machine.policy.read_text() == "the machine's own"
    assert [path.name for path in machine.policy.parent.iterdir()] == ["policy-rc.d"]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_installation_brings_the_policy_back(machine: Machine, how: signal.Signals) -> None:
    machine.policy.write_text("the machine's own")
    machine.program("apt-get", f'touch "{machine.root}/begun"; sleep 1')
    process = machine.start("rabbitmq")
    deadline = time.monotonic() + 20
    while not (machine.root / "begun").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "exit 101" in machine.policy.read_text()
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert machine.policy.read_text() == "the machine's own"


def test_a_run_that_was_killed_outright_does_not_cost_the_machine_its_policy(machine: Machine) -> None:
    machine.policy.write_text("#!/bin/sh\nexit 101\n")
    machine.policy.with_name("policy-rc.d.before-warren").write_text("the machine's own")
    assert machine.run("rabbitmq")[0] == 0
    assert machine.policy.read_text() == "the machine's own"


def test_without_root_it_names_the_one_command(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    code, said = machine.run("rabbitmq")
    assert code == 1
    assert f"sudo {SCRIPT} rabbitmq" in said
    assert machine.called() == []


def test_what_only_tests_need_does_not_stop_a_user_without_root(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.has("usr/lib/rabbitmq/bin/rabbitmq-server")
    code, said = machine.run("rabbitmq", "tests")
    assert code == 0
    assert "Missing: chromium mmdebstrap redis-server postgresql" in said


def test_half_a_lab_is_no_lab(machine: Machine) -> None:
    machine.program("id", "echo 1000")
    machine.program("nft", "")
    code, said = machine.run("lab")
    assert code == 1
    assert "slirp4netns" in said and "nftables" not in said
    assert machine.called() == []
