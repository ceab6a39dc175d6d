"""supervisord as the parent of the stack's processes: its configuration, its XML-RPC client, what it has seen.

The library `supervisor` does the watching, restarting, log rotation and stopping in order; it runs everywhere Python
does, without root. https://supervisord.org/
"""

import json
import re
import secrets
import subprocess
import sys
import time
import xmlrpc.client
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from loadtests.local import child
from loadtests.local.errors import StackError
from loadtests.local.ports import LOOPBACK, free_ports
from loadtests.local.processes import GROUPS, ProcessSpec
from loadtests.local.secret_file import write_secret

_RETRIES = 20  # a child that ends within a second of its start this often in a row is left alone, as FATAL
_EVENT = re.compile(r"(?P<time>\S+ \S+),\d+ \w+ (?P<what>spawned|exited|stopped): '?(?P<name>[\w-]+)'? (?P<how>.*)")
_SIGNAL = re.compile(r"terminated by (SIG\w+)")


@dataclass(frozen=True)
class Supervisor:
    """One supervisord below `directory`, reached over HTTP on the loopback address with a random password."""

    directory: Path
    port: int
    password: str

    @classmethod
    def new(cls, directory: Path) -> "Supervisor":
        """With a free port and a fresh password."""
        return cls(directory, free_ports(1)[0], secrets.token_urlsafe(24))

    @property
    def log(self) -> Path:
        """supervisord's own log."""
        return self.directory / "log/supervisord.log"

    def child_log(self, name: str) -> Path:
        """What a child printed."""
        return self.directory / "log" / f"{name}.log"

    def write(self, specs: list[ProcessSpec]) -> None:
        """Write the configuration and, for each child, the file that holds its command and environment."""
        (self.directory / "log").mkdir(parents=True, exist_ok=True)
        (self.directory / "children").mkdir(exist_ok=True, mode=0o700)
        for spec in specs:
            # In the stack's own folder, because the app would read a `.env` file where it is started.
            description = {"command": spec.command, "environment": spec.environment, "directory": str(self.directory)}
            write_secret(self.directory / "children" / f"{spec.name}.json", json.dumps(description, indent=1))
        write_secret(self.directory / "supervisord.conf", self._configuration(specs))

    def spawn(self, environment: dict[str, str], bound: bool) -> subprocess.Popen[bytes]:
        """Start supervisord; `bound` ties its life to ours."""
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self.directory / "supervisord.conf")]
        with (self.directory / "log/supervisord.out").open("w") as output:
            return subprocess.Popen(
                command,
                env=environment,
                cwd=self.directory,  # its files are named by relative paths: % in a path it would expand, even twice
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C at the terminal is ours to handle
                preexec_fn=child.die_with_parent if bound else None,
            )

    def rpc(self) -> Any:
        """The methods of https://supervisord.org/api.html#supervisor.rpcinterface.SupervisorNamespaceRPCInterface"""
        url = f"http://warren:{self.password}@{LOOPBACK}:{self.port}/RPC2"
        return xmlrpc.client.ServerProxy(url).supervisor

    def answers(self) -> bool:
        """Whether supervisord runs and lets us in."""
        try:
            return self.rpc().getState()["statename"] == "RUNNING"
        except (OSError, xmlrpc.client.Error, xmlrpc.client.ProtocolError):
            return False

    def states(self) -> dict[str, dict[str, Any]]:
        """Child → what supervisord says of it. Raises OSError when there is no supervisord."""
        return {info["name"]: info for info in self.rpc().getAllProcessInfo()}

    def history(self) -> "History":
        """What happened to the children since supervisord was started."""
        try:
            return History.read(self.log.read_text(errors="replace"))
        except FileNotFoundError:
            return History({}, {}, {})

    def _configuration(self, specs: list[ProcessSpec]) -> str:
        sections = [
            "[supervisord]",
            "nodaemon = true",
            "umask = 077",
            f"logfile = log/{self.log.name}",
            "logfile_maxbytes = 0",  # the history is read from it
            "pidfile = supervisord.pid",
            "childlogdir = log",
            "[inet_http_server]",
            f"port = {LOOPBACK}:{self.port}",
            "username = warren",
            f"password = {self.password}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for group, members in groupby(specs, key=lambda spec: spec.group):
            listed = list(members)
            sections += [f"[group:{group}]", f"programs = {','.join(spec.name for spec in listed)}"]
            sections += [f"priority = {GROUPS.index(group) + 1}"]
            sections += [line for spec in listed for line in self._program(spec)]
        return "\n".join(sections) + "\n"

    def _program(self, spec: ProcessSpec) -> list[str]:
        command = [sys.executable, "-I", "-S", child.__file__, f"children/{spec.name}.json"]
        return [
            f"[program:{spec.name}]",
            "command = " + " ".join(_quote(part) for part in command),
            f"stdout_logfile = log/{spec.name}.log",
            "redirect_stderr = true",
            "stdout_logfile_maxbytes = 20MB",
            "stdout_logfile_backups = 1",
            "autostart = false",  # we start them in order, each when what it needs is there
            "autorestart = true",
            "startsecs = 1",
            f"startretries = {_RETRIES}",
            f"stopwaitsecs = {round(spec.stop_after)}",
            "killasgroup = true",
        ]


@dataclass(frozen=True)
class History:
    """By child: how often it was started, how often it ended unasked, and how it did last."""

    starts: dict[str, int]
    crashes: dict[str, int]
    last_exit: dict[str, str]

    @classmethod
    def read(cls, log: str) -> "History":
        """From supervisord's log; XML-RPC does not tell which signal ended a process."""
        starts, crashes, last = Counter[str](), Counter[str](), {}
        for event in _EVENT.finditer(log):
            name, how = event["name"], event["how"].strip("()")
            if event["what"] == "spawned":
                starts[name] += 1
            elif event["what"] == "exited":
                crashes[name] += 1
                killed = _SIGNAL.search(how)
                what = f"killed by {killed[1]}" if killed else how.partition(";")[0]
                last[name] = f"{what} at {event['time']}"
        return cls(dict(starts), dict(crashes), last)


def wait_until_it_answers(supervisor: Supervisor, process: subprocess.Popen[bytes], timeout: float = 20) -> None:
    """Raises StackError, with what it said, when supervisord does not come up."""
    deadline = time.monotonic() + timeout
    while not supervisor.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            said = (supervisor.directory / "log/supervisord.out").read_text(errors="replace")
            raise StackError(f"supervisord did not come up:\n{said[-2000:]}")
        time.sleep(0.05)


def _quote(text: str) -> str:
    """For supervisord's `command`, which it takes apart as a shell would, after expanding %(…)s."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
