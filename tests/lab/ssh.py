"""The way into hosts: a key of the lab's own, and a configuration that works from the machine's own network."""

from pathlib import Path

from . import ground
from .programs import run
from .state import Lab, State


def make_key(path: Path, comment: str) -> None:
    if not path.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def write_config(lab: Lab, state: State) -> None:
    """For `ssh -F` and for Ansible. A host is new each time, so its key is nothing to remember."""
    enter = f"nsenter --net=/proc/{state.holder}/ns/net"
    hosts = "".join(f"Host {name}\n    HostName {address}\n\n" for name, address in state.hosts.items())
    lab.ssh_config.write_text(
        f"{hosts}Host *\n"
        "    User root\n"
        f"    IdentityFile {lab.key}\n"
        "    IdentitiesOnly yes\n"
        "    StrictHostKeyChecking no\n"
        "    UserKnownHostsFile /dev/null\n"
        "    LogLevel ERROR\n"
        "    ConnectTimeout 10\n"
        # A host that lost its power or its network says no goodbye.
        "    ServerAliveInterval 5\n"
        "    ServerAliveCountMax 3\n"
        f"    ProxyCommand {enter} socat -b 65536 - TCP:%h:%p,nodelay\n"
    )


def command(lab: Lab, host: str, *remote: str, options: tuple[str, ...] = ("-o", "ControlPath=none")) -> list[str]:
    return ["ssh", "-F", str(lab.ssh_config), *options, host, *remote]


def public_port(state: State) -> str:
    return f"{state.published}:{ground.PORT}"
