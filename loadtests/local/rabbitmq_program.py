"""Where RabbitMQ is installed, and which version it is."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from loadtests.local.errors import NoRabbitMQ

# Debian's /usr/sbin/rabbitmq-server switches to the user `rabbitmq`; the program it wraps is here.
_HOMES = (
    "/usr/lib/rabbitmq/lib/rabbitmq_server-*",
    "/opt/homebrew/opt/rabbitmq",
    "/usr/local/opt/rabbitmq",
)


@dataclass(frozen=True)
class RabbitMQProgram:
    """`home` holds `sbin/` and `plugins/`; `erlang` is a folder with `bin/erl`, None for the one on PATH."""

    home: Path
    erlang: Path | None = None

    @property
    def version(self) -> tuple[int, ...]:
        """Such as (3, 10, 8), from the name of the `rabbit` application; no program has to be started for it."""
        for entry in (self.home / "plugins").glob("rabbit-[0-9]*"):
            if found := re.match(r"rabbit-(\d+(?:\.\d+)*)", entry.name):
                return tuple(int(part) for part in found[1].split("."))
        raise NoRabbitMQ(f"{self.home}: not a RabbitMQ (there is no plugins/rabbit-<version>)")

    def script(self, name: str) -> str:
        """The path of rabbitmq-server, rabbitmqctl, …"""
        return str(self.home / "sbin" / name)

    @property
    def path(self) -> str:
        """PATH for its processes: the Erlang that belongs to it first."""
        places = [self.home / "sbin", "/opt/homebrew/bin", "/usr/local/bin", "/usr/bin", "/bin"]
        return os.pathsep.join(str(place) for place in ([self.erlang / "bin"] if self.erlang else []) + places)

    def find(self, name: str) -> str:
        """The path of an Erlang program. Debian and Homebrew keep epmd beside erl or in erts-*/bin."""
        found = shutil.which(name, path=self.path)
        if not found and self.erlang:
            found = next((str(path) for path in self.erlang.glob(f"erts-*/bin/{name}")), None)
        if not found:
            raise NoRabbitMQ(f"RabbitMQ's Erlang has no `{name}` (looked in {self.path})")
        return found


def installed() -> RabbitMQProgram:
    """This machine's: WARREN_RABBITMQ_HOME (with WARREN_ERLANG_HOME) when set, else Debian's or Homebrew's.

    Raises NoRabbitMQ.
    """
    if home := os.environ.get("WARREN_RABBITMQ_HOME"):
        erlang = os.environ.get("WARREN_ERLANG_HOME")
        if not (Path(home) / "sbin/rabbitmq-server").exists():
            raise NoRabbitMQ(f"WARREN_RABBITMQ_HOME is {home}, but there is no sbin/rabbitmq-server in it")
        return RabbitMQProgram(Path(home), Path(erlang) if erlang else None)
    for pattern in _HOMES:
        for found in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            if (found / "sbin/rabbitmq-server").exists():
                return RabbitMQProgram(found)
    raise NoRabbitMQ(
        "there is no rabbitmq-server on this machine; install it with: sudo scripts/system-packages rabbitmq"
    )
