"""The folder of a private RabbitMQ node: its ports and passwords, its configuration, its users."""

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from app.broker import rights, topology
from app.broker.definitions import ADMIN, definitions
from app.contract import Contract
from loadtests.local.ports import LOOPBACK, free_ports
from loadtests.local.rabbitmq_program import RabbitMQProgram
from loadtests.local.secret_file import write_secret

# What publishing is blocked above, as a share of the machine's memory; RabbitMQ 4 would take 0.6, 3.x 0.4.
MEMORY_WATERMARK = 0.4
# Bytes; as RabbitMQ has it by default.
DISK_FREE = 50_000_000


@dataclass(frozen=True)
class NodeFiles:
    """One node's identity. Everything of the node is below `directory`; nothing else on the machine is read."""

    directory: Path
    program: RabbitMQProgram
    vhost: str
    amqp_port: int
    epmd_port: int
    dist_port: int
    management_port: int | None
    prometheus_port: int | None
    passwords: dict[str, str]

    @property
    def node_name(self) -> str:
        """Differs by directory, so that nodes of two checkouts can never be taken for each other."""
        mark = hashlib.sha256(str(self.directory).encode()).hexdigest()[:10]
        return f"warren-{mark}@localhost"

    @property
    def epmd_command(self) -> list[str]:
        """Erlang's name server in the foreground. It exits with its parent only if its parent sees to it."""
        return [self.program.find("epmd"), "-address", LOOPBACK, "-port", str(self.epmd_port)]

    @property
    def server_command(self) -> list[str]:
        """The broker in the foreground; SIGTERM ends it in order.

        RABBITMQ_ALLOW_INPUT makes the script become the Erlang VM instead of keeping it as a child: the process one
        starts is the process one signals.
        """
        return [self.program.script("rabbitmq-server"), "-noinput"]

    def environment(self) -> dict[str, str]:
        """The whole environment of the node and of its command-line tools; nothing of ours is passed on."""
        own = self.directory
        flags = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
        return {
            "PATH": self.program.path,
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "HOME": str(own),  # where the cookie is
            **({"ERL_ROOTDIR": str(self.program.erlang)} if self.program.erlang else {}),
            # No Erlang program here may start an epmd: it would be a daemon that nobody ends.
            "ERL_AFLAGS": flags,
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_ALLOW_INPUT": "1",
            "RABBITMQ_NODENAME": self.node_name,
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_CTL_DIST_PORT_MIN": "0",
            "RABBITMQ_CTL_DIST_PORT_MAX": "0",
            "RABBITMQ_CONF_ENV_FILE": str(own / "no-rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(own / "rabbitmq"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(own / "advanced.config"),
            "RABBITMQ_CONFIG_FILES": str(own / "conf.d"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(own / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(own / "data"),
            "RABBITMQ_LOG_BASE": str(own / "log"),
            "RABBITMQ_LOGS": "-",
        }

    def url(self, role: str) -> str:
        """amqp://… of a role: admin, or one of `app.broker.rights`."""
        login = f"{role}:{quote(self.passwords[role], safe='')}"
        return f"amqp://{login}@{LOOPBACK}:{self.amqp_port}/{quote(self.vhost, safe='')}"

    def write(self, contract: Contract) -> None:
        """Write everything the node reads. What holds a password is for the owner's eyes only."""
        for name in ("data", "log", "conf.d"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        plugins = ["rabbitmq_management"] if self.management_port else []
        plugins += ["rabbitmq_prometheus"] if self.prometheus_port else []
        (self.directory / "enabled_plugins").write_text(f"[{','.join(plugins)}].\n")
        (self.directory / "rabbitmq.conf").write_text(_configuration(self) + topology.rabbitmq_conf(contract))
        (self.directory / "advanced.config").write_text(topology.advanced_config(contract))
        logins = {role: (role, password) for role, password in self.passwords.items()}
        made = definitions(contract, self.program.version, logins)
        write_secret(self.directory / "definitions.json", json.dumps(made, indent=1))
        if not (cookie := self.directory / ".erlang.cookie").exists():
            write_secret(cookie, secrets.token_hex(24))
            cookie.chmod(0o400)
        record = asdict(self) | {"directory": None, "program": None}
        write_secret(self.directory / "node.json", json.dumps(record, indent=1))


def prepare(directory: Path, contract: Contract, program: RabbitMQProgram, management: bool = False) -> NodeFiles:
    """A node in `directory`, ready to be started: free ports, fresh passwords. Its name and data stay as they were."""
    directory = directory.absolute()
    directory.mkdir(parents=True, exist_ok=True)
    amqp, epmd, dist, *http = free_ports(5 if management else 3)
    passwords = {role: secrets.token_urlsafe(24) for role in (ADMIN, *rights.permissions(contract))}
    api, metrics = http if management else (None, None)
    files = NodeFiles(directory, program, contract.broker.vhost, amqp, epmd, dist, api, metrics, passwords)
    files.write(contract)
    return files


def read(directory: Path, program: RabbitMQProgram) -> NodeFiles:
    """The node that was prepared there. Raises FileNotFoundError when none was."""
    noted = json.loads((directory / "node.json").read_text())
    return NodeFiles(**noted | {"directory": directory.absolute(), "program": program})


def _configuration(files: NodeFiles) -> str:
    lines = [
        f"listeners.tcp.1 = {LOOPBACK}:{files.amqp_port}",
        # Definitions also keep RabbitMQ from making its user `guest`.
        f"load_definitions = {files.directory / 'definitions.json'}",
        "loopback_users = none",
        f"vm_memory_high_watermark.relative = {MEMORY_WATERMARK}",
        f"disk_free_limit.absolute = {DISK_FREE}",
        "log.console = true",
        "log.console.level = info",
    ]
    if files.management_port:
        lines += [f"management.tcp.ip = {LOOPBACK}", f"management.tcp.port = {files.management_port}"]
    if files.prometheus_port:
        lines += [f"prometheus.tcp.ip = {LOOPBACK}", f"prometheus.tcp.port = {files.prometheus_port}"]
    return "".join(f"{line}\n" for line in lines)
