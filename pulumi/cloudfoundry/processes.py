"""The app's processes as a foundation is told of them: how each is started, sized and judged."""

from typing import Any

from settings import ConfigError, ProcessSettings, Settings

from app.contract import Contract

# Restarting a worker mends no broker, so only its process is looked at. The front end answers /healthz itself.
BY_PROCESS: dict[str, Any] = {"type": "process"}
BY_HTTP: dict[str, Any] = {"type": "http", "data": {"endpoint": "/healthz"}}
WEB, FLOWER = "web", "flower"


def wanted(settings: Settings, contract: Contract) -> dict[str, dict[str, Any]]:
    """Type of process → command, instances, memory, disk (MB), health_check. Raises ConfigError."""
    unknown = settings.workers.keys() - contract.pools.keys()
    if unknown:
        have = ", ".join(contract.pools)
        raise ConfigError(
            "\n".join(f"warren:workers.{name}: stack.yml has no such pool; it has {have}" for name in sorted(unknown))
        )
    found = {WEB: _process("python3 -m app web", settings.web, BY_HTTP)}
    for pool in contract.pools:
        # The index tells instances on one host apart; each has a host name of its own here.
        command = f"python3 -m app worker {pool} --index ${{CF_INSTANCE_INDEX:-0}}"
        found[f"worker-{pool}"] = _process(command, settings.workers.get(pool, ProcessSettings()), BY_PROCESS)
    one = ProcessSettings()
    if settings.beat and contract.beat:
        found["beat"] = _process("python3 -m app beat", one, BY_PROCESS)
    if settings.consumer:
        found["consumer"] = _process("python3 -m app consumer", one, BY_PROCESS)
    if settings.flower.host:
        command = "FLOWER_HOST=0.0.0.0 FLOWER_LISTEN_PORT=$PORT python3 -m app flower"
        found[FLOWER] = _process(command, settings.flower, {"type": "port"})
    return found


def _process(command: str, settings: ProcessSettings, health: dict[str, Any]) -> dict[str, Any]:
    sizes = {"instances": settings.instances, "memory": settings.memory, "disk": settings.disk}
    return {"command": command, **sizes, "health_check": health}
