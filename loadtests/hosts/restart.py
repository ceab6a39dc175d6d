"""Restarting parts of a deployment, as an operator would by hand."""

from loadtests.hosts.inventory import Deployment, Machine
from loadtests.hosts.remote import Remote, each

# Part → (group, units). Brokers go one after the other: a majority has to stay.
PARTS = {
    "worker": ("workers", "warren-worker@*.service"),
    "web": ("web", "warren-web.service"),
    "broker": ("brokers", "rabbitmq-server.service"),
}
# Seconds. A worker may finish its task first; a broker waits for its neighbours.
PATIENCE = 300


def restart(remote: Remote, deployment: Deployment, part: str) -> None:
    """systemd comes back when the part is ready again. Raises RemoteError."""
    group, units = PARTS[part]
    machines = deployment.group(group)

    def again(machine: Machine) -> None:
        remote.run(machine, "systemctl", "restart", units, timeout=PATIENCE)

    if part != "broker":
        each(machines, again)
        return
    for machine in machines:
        again(machine)
        remote.run(machine, "rabbitmqctl", "-q", "await_online_nodes", str(len(machines)), timeout=PATIENCE)
