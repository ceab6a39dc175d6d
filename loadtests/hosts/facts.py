"""What the hosts of a deployment are, for a result's manifest."""

from pathlib import Path
from typing import Any

from loadtests.hosts.inventory import Deployment
from loadtests.hosts.remote import Remote, each

# Hosts with the same one are containers of one machine: they have its instant of boot, but ids of their own.
MACHINE = "machine"
_HERE = (Path("/proc/stat"), Path("/proc/sys/kernel/random/boot_id"))
_PROGRAM = """
import json, os, platform, subprocess
system = platform.freedesktop_os_release().get("PRETTY_NAME") if hasattr(platform, "freedesktop_os_release") else None
container = not subprocess.run(["systemd-detect-virt", "--quiet", "--container"]).returncode
with open("/proc/stat" if container else "/proc/sys/kernel/random/boot_id") as file:
    boot = [line.strip() for line in file if not container or line.startswith("btime")][0]
print(json.dumps({
    "system": system or platform.platform(),
    "cores": os.cpu_count(),
    "memory": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    "load_before": os.getloadavg(),
    "machine": boot,
}))
"""
_BROKER = """
import json, subprocess
out = subprocess.run(["rabbitmqctl", "-q", "status", "--formatter", "json"], stdout=subprocess.PIPE, timeout=50).stdout
said = json.loads(out)
print(json.dumps({
    "product": said.get("product_name") or "RabbitMQ",
    "version": said.get("rabbitmq_version"),
    "erlang": str(said.get("erlang_version", "")).replace("Erlang/OTP ", "").split(" ")[0],
}))
"""


def host_facts(remote: Remote, deployment: Deployment) -> dict[str, dict[str, Any]]:
    """By name. Raises RemoteError."""
    found: dict[str, dict[str, Any]] = each(
        deployment.machines.values(), lambda machine: remote.python(machine, _PROGRAM)
    )
    here = {line.strip() for path in _HERE if path.exists() for line in path.read_text().splitlines()}
    for name, facts in found.items():
        facts["groups"] = list(deployment.machines[name].groups)
        facts["here"] = facts[MACHINE] in here
    return found


def broker_facts(remote: Remote, deployment: Deployment) -> dict[str, str] | None:
    """Of the first broker; None when the inventory has none. Raises RemoteError."""
    brokers = deployment.group("brokers")
    return remote.python(brokers[0], _BROKER) if brokers else None


def cores(hosts: dict[str, dict[str, Any]]) -> int:
    """How many there are in all; those of one machine count once."""
    return sum({str(facts[MACHINE]): int(facts["cores"]) for facts in hosts.values()}.values())
