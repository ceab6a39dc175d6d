"""The target `hosts`: a deployment known by its Ansible inventory, which a bench uses and leaves running."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from loadtests.bench.target import NoTarget, Progress, Target, by_url
from loadtests.hosts.clocks import ways
from loadtests.hosts.cpu import HostsSampler
from loadtests.hosts.facts import MACHINE, broker_facts, host_facts
from loadtests.hosts.inventory import BadInventory, Deployment, read
from loadtests.hosts.remote import Remote, RemoteError


@contextmanager
def by_inventory(inventory: str, token: str, ca: str, progress: Progress) -> Iterator[Target]:
    """Raises NoTarget when a host or the front end cannot be reached."""
    progress(f"reading {inventory or 'the inventory of ansible.cfg'}")
    try:
        deployment = read(inventory)
    except BadInventory as error:
        raise NoTarget(str(error)) from error
    if not deployment.url:
        raise NoTarget(f"{inventory or 'the inventory of ansible.cfg'}: {deployment.no_url}")
    with Remote() as remote:
        progress(f"asking {len(deployment.machines)} hosts what they are")
        try:
            hosts, broker = host_facts(remote, deployment), broker_facts(remote, deployment)
        except RemoteError as error:
            raise NoTarget(str(error)) from error
        target = by_url(deployment.url, token or deployment.token, ca or deployment.ca)
        target.ca, target.hosts = ca or deployment.ca, (remote, deployment)
        target.facts = {"target": "hosts", "url": deployment.url, "broker": broker, "hosts": hosts}
        target.contract = deployment.contract.model_dump(mode="json", exclude_none=True)
        target.sampler = lambda folder: HostsSampler(folder, remote, list(deployment.machines.values()))
        target.clocks = lambda: ways(remote, deployment, hosts)
        target.notes += _notes(deployment, hosts)
        yield target


def _notes(deployment: Deployment, hosts: dict[str, dict[str, Any]]) -> list[str]:
    """What the hosts are, where it changes what the numbers mean."""
    machines: dict[str, list[str]] = {}
    for name, facts in hosts.items():
        machines.setdefault(str(facts[MACHINE]), []).append(name)
    notes = []
    for names in machines.values():
        if len(names) > 1:
            here = ", as does the generator" if any(hosts[name]["here"] for name in names) else ""
            notes.append(
                f"{', '.join(names)} share the {hosts[names[0]]['cores']} cores of one machine{here}: "
                "more hosts are no more power"
            )
    if deployment.contract.broker.replicas > 1:
        notes.append(f"each message is written by {deployment.contract.broker.replicas} brokers before it counts")
    return notes
