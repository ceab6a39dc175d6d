"""Which of Warren's units a host should have, and what systemd says of one."""

from typing import Any

from loadtests.hosts.inventory import Deployment, Machine

SINGLE = {"beat": "warren-beat", "web": "warren-web", "consumer": "warren-consumer", "flower": "warren-flower"}
APP = ("workers", *SINGLE)
BROKER = "rabbitmq-server.service"


def workers(deployment: Deployment, machine: Machine, cores: int) -> list[str]:
    """One unit a process: as many as the contract gives to a host of so many cores."""
    if "workers" not in machine.groups:
        return []
    return [
        f"warren-worker@{pool}-{index}.service"
        for pool, about in deployment.contract.pools.items()
        for index in range(about.process_count(cores))
    ]


def expected(deployment: Deployment, machine: Machine, cores: int) -> list[str]:
    """All of Warren's own."""
    singles = [f"{unit}.service" for group, unit in SINGLE.items() if group in machine.groups]
    return [*workers(deployment, machine, cores), *singles]


def cores(host: Any) -> int:
    return int(host.check_output("nproc"))


def pool_of(unit: str) -> str:
    """fast of warren-worker@fast-0.service."""
    return unit.removeprefix("warren-worker@").rpartition("-")[0]


def show(host: Any, units: list[str]) -> dict[str, dict[str, str]]:
    """What is effective: unit to property to value."""
    if not units:
        return {}
    blocks = host.check_output("systemctl show " + " ".join(units)).split("\n\n")
    found = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in blocks]
    return {properties["Id"]: properties for properties in found}


def result_store(host: Any) -> list[str]:
    """The unit that keeps results, whichever of the three it is."""
    kinds = "valkey-server.service redis-server.service 'postgresql@*.service'"
    listed = host.check_output(f"systemctl list-units --plain --no-legend --state=active {kinds}").splitlines()
    return [line.split()[0] for line in listed]


def seconds(text: str) -> float:
    """Of systemd's own spelling: 2min 30s, 1min, 250ms, infinity."""
    factors = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
    if text in ("infinity", ""):
        return float("inf")
    total = 0.0
    for word in text.split():
        number = word.rstrip("abcdefghijklmnopqrstuvwxyz")
        total += float(number) * factors[word[len(number) :]]
    return total
