"""The app's processes: what stack.yml makes of them, with what the stack's configuration says of their size."""

from typing import Any

from settings import ConfigError, ProcessSettings, Settings

from app.contract import Contract
from loadtests.cloudfoundry import processes as made
from loadtests.cloudfoundry.processes import AppProcess

# Restarting a worker mends no broker, so only its process is looked at.
BY_PROCESS: dict[str, Any] = {"type": "process"}
WEB, FLOWER = made.WEB, made.FLOWER
POOL = "worker-"


def wanted(settings: Settings, contract: Contract) -> dict[str, dict[str, Any]]:
    """Type of process → command, instances, memory, disk (MB), health_check. Raises ConfigError."""
    unknown = settings.workers.keys() - contract.pools.keys()
    if unknown:
        have = ", ".join(contract.pools)
        raise ConfigError(
            "\n".join(f"warren:workers.{name}: stack.yml has no such pool; it has {have}" for name in sorted(unknown))
        )
    told = {WEB: settings.web, FLOWER: settings.flower}
    told |= {f"{POOL}{pool}": worker for pool, worker in settings.workers.items()}
    others = made.others(contract, flower=bool(settings.flower.host))
    unwanted = {kind for kind, on in (("beat", settings.beat), ("consumer", settings.consumer)) if not on}
    every = [made.web(contract), *made.workers(contract), *others]
    return {each.kind: _told(each, told.get(each.kind)) for each in every if each.kind not in unwanted}


def _told(process: AppProcess, settings: ProcessSettings | None) -> dict[str, Any]:
    settings = settings or ProcessSettings()
    by_http = {"type": "http", "data": {"endpoint": process.endpoint, "timeout": made.START}}
    return {
        "command": process.command,
        "instances": process.instances if settings.instances is None else settings.instances,
        "memory": settings.memory or process.memory,
        "disk": settings.disk,
        "health_check": by_http if process.endpoint else BY_PROCESS,
    }
