"""Commands on the hosts of an inventory, over ssh connections that are kept until the end."""

import contextlib
import json
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from loadtests.hosts.inventory import Machine

T = TypeVar("T")


class RemoteError(Exception):
    """A host could not be reached, or a command failed there; the text says which and how."""


class Remote:
    """A context manager; its end closes the connections."""

    def __init__(self) -> None:
        # A short path: a socket's may have some hundred characters.
        self._folder = Path(tempfile.mkdtemp(prefix="warren-ssh-"))
        self._reached: dict[str, Machine] = {}

    def __enter__(self) -> "Remote":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for machine in self._reached.values():
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(
                    ["ssh", *self.options(machine), "-O", "exit", machine.address],
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=10,
                )  # fmt: skip
        shutil.rmtree(self._folder, ignore_errors=True)

    def options(self, machine: Machine) -> list[str]:
        """ssh's, with those that keep one connection a host."""
        shared = {"ControlMaster": "auto", "ControlPersist": "120", "ControlPath": f"{self._folder}/%C"}
        quiet = {"BatchMode": "yes", "ConnectTimeout": "10", "LogLevel": "ERROR"}
        ours = [word for key, value in (shared | quiet).items() for word in ("-o", f"{key}={value}")]
        return [*ours, *machine.ssh_options()]

    def command(self, machine: Machine, *words: str) -> list[str]:
        """The whole command line; to be run by whoever wants the process itself."""
        self._reached[machine.name] = machine
        # Words of one string: ssh hands a line to the shell over there.
        line = shlex.join([*(["sudo", "-n"] if machine.becomes else []), *words])
        return ["ssh", *self.options(machine), machine.address, line]

    def run(self, machine: Machine, *words: str, text: str | None = None, timeout: float = 60) -> str:
        """What it says. Raises RemoteError."""
        try:
            done = subprocess.run(
                self.command(machine, *words), input=text or "", capture_output=True, text=True, timeout=timeout
            )
        except subprocess.TimeoutExpired:
            raise RemoteError(f"{machine.name}: {words[0]} gave no answer within {timeout:.0f} s") from None
        if done.returncode == 255:
            raise RemoteError(f"{machine.name} cannot be reached: {done.stderr.strip() or 'ssh failed'}")
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise RemoteError(f"{machine.name}: {' '.join(words)} failed ({done.returncode}): {said}")
        return done.stdout

    def python(self, machine: Machine, program: str) -> Any:
        """What a small program prints as JSON over there. Each host has a Python: Ansible needs it."""
        return json.loads(self.run(machine, "python3", "-", text=program))


def each(machines: Iterable[Machine], do: Callable[[Machine], T]) -> dict[str, T]:
    """The same on all of them at once; answers by name. Raises the first error, when all have ended."""
    machines = list(machines)
    with ThreadPoolExecutor(max_workers=max(1, min(32, len(machines)))) as pool:
        running = {machine.name: pool.submit(do, machine) for machine in machines}
    return {name: future.result() for name, future in running.items()}
