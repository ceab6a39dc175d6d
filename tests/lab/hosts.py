"""Hosts: a disk over the image, a real systemd started on it, and its end, gentle or not."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import cgroup, ground, network, ssh
from .errors import LabError
from .programs import run
from .state import Lab, State

BOOT_WITHIN = 90.0  # seconds
STOP_WITHIN = 180.0  # as long as a stop of the stack may take
POWER_OFF = signal.SIGRTMIN + 4  # systemd's own meaning


class Hosts:
    """Those of one lab."""

    def __init__(self, lab: Lab, state: State) -> None:
        self.lab, self.state = lab, state

    def check(self, names: Iterable[str]) -> None:
        """Raises LabError for a name that is none of them."""
        for name in names:
            if name not in self.state.hosts:
                raise LabError(f"no such host: {name}; there are {', '.join(self.state.hosts)}")

    def is_running(self, name: str) -> bool:
        return cgroup.populated(self._cgroup(name))

    def boot(self, name: str) -> None:
        """Power on, on the disk it had; a first boot gets a fresh one. Returns when all its services have started."""
        if self.is_running(name):
            return
        disk = self.lab.host(name)
        if not (disk / "upper").exists():
            self._make_disk(name)
        network.connect(self.state, name)
        self._mount(disk)
        self._start(name, disk)
        self._wait(name)

    def kill(self, name: str) -> None:
        """A power cut: no process gets a word in, no connection is closed."""
        network.disconnect(self.state, name)
        cgroup.end(self._cgroup(name))

    def stop(self, name: str) -> None:
        """A clean shutdown."""
        if not self.is_running(name):
            return
        os.kill(self.leader(name), POWER_OFF)
        deadline = time.monotonic() + STOP_WITHIN
        while self.is_running(name):
            if time.monotonic() > deadline:
                raise LabError(f"{name} does not shut down; cut its power: python -m tests.lab kill {name}")
            time.sleep(0.1)
        network.disconnect(self.state, name)
        cgroup.end(self._cgroup(name))

    def wipe(self, name: str) -> None:
        """A power cut and an empty disk: the next boot is a new server of the same name."""
        self.kill(name)
        disk = self.lab.host(name)
        with contextlib.suppress(LabError):
            run([*ground.inside(self.state), "umount", str(disk / "root")])
        shutil.rmtree(disk, ignore_errors=True)

    def leader(self, name: str) -> int:
        """The host's PID 1, as this machine numbers it."""
        for part in ("payload/init.scope", "init.scope", "payload"):
            with contextlib.suppress(OSError, IndexError):
                return int((self._cgroup(name) / part / "cgroup.procs").read_text().split()[0])
        raise LabError(f"{name} is not running; start it with: python -m tests.lab boot {name}")

    def _cgroup(self, name: str) -> Path:
        return Path(self.state.cgroup) / f"host-{name}"

    def _make_disk(self, name: str) -> None:
        """What an installer asks for: a name, the neighbours' names, a resolver, whose key may log in."""
        disk = self.lab.host(name)
        shutil.rmtree(disk, ignore_errors=True)
        new = disk / "upper.new"
        (new / "etc/ssh").mkdir(parents=True)
        (new / "root/.ssh").mkdir(parents=True)
        for folder in (new / "root", new / "root/.ssh"):
            folder.chmod(0o700)
        neighbours = "".join(f"{address} {each}\n" for each, address in self.state.hosts.items())
        (new / "etc/hostname").write_text(f"{name}\n")
        (new / "etc/hosts").write_text(f"127.0.0.1 localhost\n::1 localhost ip6-localhost\n{neighbours}")
        (new / "etc/resolv.conf").write_text(f"nameserver {ground.NAMESERVER}\n")
        shutil.copy(self.lab.key.with_suffix(".pub"), new / "root/.ssh/authorized_keys")
        ssh.make_key(new / "etc/ssh/ssh_host_ed25519_key", name)
        (disk / "work").mkdir()
        (disk / "root").mkdir()
        new.rename(disk / "upper")

    def _mount(self, disk: Path) -> None:
        """In the lab's namespace only, where it may be mounted still."""
        with contextlib.suppress(LabError):
            run([*ground.inside(self.state), "umount", str(disk / "root")])
        options = f"lowerdir={self.state.image},upperdir={disk / 'upper'},workdir={disk / 'work'}"
        try:
            run([*ground.inside(self.state), "mount", "-t", "overlay", "overlay", "-o", options, str(disk / "root")])
        except LabError as error:
            way = "put the lab on a local ext4, xfs or btrfs by WARREN_LAB=FOLDER"
            raise LabError(f"{disk} cannot hold a host's disk; {way}\n{error}") from error

    def _start(self, name: str, disk: Path) -> None:
        leaf = self._cgroup(name)
        leaf.mkdir(exist_ok=True)
        nspawn = [
            "systemd-nspawn", "--quiet", f"--directory={disk / 'root'}", f"--machine={name}", f"--hostname={name}",
            "--register=no", "--keep-unit", "--console=pipe", f"--network-namespace-path=/run/netns/{name}",
            "--capability=CAP_NET_ADMIN", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
            "--setenv=SYSTEMD_COLORS=0", "/lib/systemd/systemd",
        ]  # fmt: skip
        # By way of the lab's cgroup: a machine's systemd lets nobody move from outside of a namespace's root into it.
        enter = [*cgroup.inside(Path(self.state.cgroup) / cgroup.KEEPER), *ground.inside(self.state)]
        environment = {**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network", "SYSTEMD_NSPAWN_LOCK": "0"}
        with (disk / "console.log").open("ab") as console:
            subprocess.Popen(
                [*enter, *cgroup.inside(Path("/sys/fs/cgroup") / leaf.name), *nspawn],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True, env=environment,
            )  # fmt: skip

    def _wait(self, name: str) -> None:
        """Until it can be reached as users reach it and has nothing left to start."""
        deadline = time.monotonic() + BOOT_WITHIN
        said = ""
        while time.monotonic() < deadline:
            done = subprocess.run(
                ssh.command(self.lab, name, "systemctl", "is-system-running", "--wait"),
                stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BOOT_WITHIN,
            )  # fmt: skip
            said = done.stdout.strip() or done.stderr.strip()
            if said in ("running", "degraded"):
                return
            time.sleep(0.2)
        console = (self.lab.host(name) / "console.log").read_text(errors="replace").splitlines()[-12:]
        raise LabError("\n".join([f"{name} has not booted in {BOOT_WITHIN:.0f} s ({said}); its console:", *console]))


def each(names: Iterable[str], do: Callable[[str], None], done: Callable[[str], None] = lambda name: None) -> None:
    """All at once. Raises the first error, after every one has ended."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        running = {name: pool.submit(do, name) for name in names}
        for name, future in running.items():
            if future.exception() is None:
                done(name)
        for future in running.values():
            future.result()
