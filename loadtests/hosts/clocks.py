"""How the hosts of a deployment are asked for the time: by the ssh connections that are kept anyway."""

from typing import Any

from loadtests.analysis.stages import Stamper
from loadtests.clocks.ask import PROGRAM, Way
from loadtests.hosts.inventory import Deployment
from loadtests.hosts.remote import Remote

STAMPING: dict[str, Stamper] = {"web": "web", "workers": "worker"}  # by group


def ways(remote: Remote, deployment: Deployment, facts: dict[str, dict[str, Any]]) -> list[Way]:
    """One for each host. `facts`: of host_facts."""
    return [
        Way(
            machine=name,
            command=tuple(remote.command(machine, "python3", "-c", PROGRAM)),
            how="ssh",
            same=bool(facts[name]["here"]),
            stamps=tuple(part for group, part in STAMPING.items() if group in machine.groups),
        )
        for name, machine in deployment.machines.items()
    ]
