"""A host's links to others, cut or slowed on that host itself: shell commands that do it and that take it back."""

import json

from loadtests.hosts.inventory import Machine
from loadtests.hosts.remote import Remote, RemoteError

TABLE = "warren_fault"
DELAY = "100ms"
_ADDRESSES = """
import json, socket
found = {}
for name in NAMES:
    for family, _, _, _, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM):
        found[address[0]] = "ip6" if family == socket.AF_INET6 else "ip"
print(json.dumps(found))
"""


def cut(remote: Remote, machine: Machine, others: list[str]) -> tuple[str, str]:
    """Nothing between this host and the others arrives, and nobody is told."""
    rules = _rules(_addresses(remote, machine, others))
    # The first half of what takes it back makes the second one work also when there is nothing.
    return f"nft '{rules}'", f"nft 'add table inet {TABLE}; delete table inet {TABLE}'"


def slow(remote: Remote, machine: Machine, others: list[str]) -> tuple[str, str]:
    """All that leaves by the card that leads to the others comes later."""
    card = _card(remote, machine, others)
    there = f"tc qdisc show dev {card} root | grep -q netem"
    return f"tc qdisc add dev {card} root netem delay {DELAY}", f"if {there}; then tc qdisc del dev {card} root; fi"


def can_cut(remote: Remote, machine: Machine, others: list[str]) -> None:
    """Raises RemoteError with the reason when it cannot. Changes nothing."""
    rules = _rules(_addresses(remote, machine, others))
    _try(remote, machine, f"nft --check '{rules}'", "it needs nftables there (apt install nftables)")


def can_slow(remote: Remote, machine: Machine, others: list[str]) -> None:
    """Raises RemoteError with the reason when it cannot. Changes nothing: it is tried in a network of its own."""
    card = _card(remote, machine, others)
    probe = f"unshare --net tc qdisc add dev lo root netem delay {DELAY}"
    _try(remote, machine, probe, "it needs the kernel module sch_netem there")
    for queue in json.loads(remote.run(machine, "tc", "-json", "qdisc", "show", "dev", card)):
        # The kernel's own has no handle, and comes back by itself.
        if queue.get("root") and queue["handle"] != "0:":
            raise RemoteError(f"{machine.name}: {card} has a queueing discipline of its own ({queue['kind']}), kept")


def _try(remote: Remote, machine: Machine, command: str, need: str) -> None:
    try:
        remote.run(machine, "sh", "-c", command)
    except RemoteError as error:
        said = (str(error).rpartition("): ")[2].strip() or "nothing").splitlines()[0]
        raise RemoteError(f"{machine.name} cannot: {need}; it said: {said}") from error


def _rules(addresses: dict[str, str]) -> str:
    lines = [f"table inet {TABLE} {{"]
    for chain, side in (("input", "saddr"), ("output", "daddr")):
        drops = [f"{family} {side} {address} drop" for address, family in addresses.items()]
        lines += [f"chain {chain} {{", f"type filter hook {chain} priority -300", *drops, "}"]
    return "\n".join([*lines, "}"])


def _addresses(remote: Remote, machine: Machine, names: list[str]) -> dict[str, str]:
    """As this host knows them; address → family."""
    found: dict[str, str] = remote.python(machine, f"NAMES = {names!r}\n{_ADDRESSES}")
    return found


def _card(remote: Remote, machine: Machine, others: list[str]) -> str:
    """The network card that leads to the first of the others; without others, to the rest of the world."""
    where = next(iter(_addresses(remote, machine, others)), "")
    asked = ["route", "get", where] if where else ["route", "show", "default"]
    routes = json.loads(remote.run(machine, "ip", "-json", *asked) or "[]")
    if not routes:
        raise RemoteError(f"{machine.name} has no default route, so which link is meant cannot be told")
    return str(routes[0]["dev"])
