"""Which processes the local stack consists of, and what each is told. Counts and kinds come from stack.yml."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import app
from app.contract import Contract
from loadtests.local.ports import LOOPBACK, free_ports
from loadtests.local.rabbitmq_files import NodeFiles

# The groups in the order in which they start; they stop the other way round.
GROUPS = ("epmd", "rabbitmq", "workers", "front")
# Where else the app would look for a broker, and what the stack decides itself; by the beginnings of names.
_NOT_PASSED_ON = (
    *("CELERY_BROKER_URL", "WARREN_BROKER_CA", "VCAP_", "SERVICE_BINDING_ROOT", "RABBITMQ_", "ERL_", "FLOWER_"),
    *("STACK_FILE", "PORT", "WARREN_HOST", "WARREN_PORT", "WARREN_TOKEN", "WARREN_DATA_DIR", "WARREN_METRICS_"),
    "WARREN_HEARTBEAT_FILE",
)
RESULTS = ("CELERY_BACKEND_URL", "CELERY_BACKEND_URL_FILE")
# Seconds from SIGTERM to SIGKILL; the workers' stand in stack.yml. The front end itself gives running requests 8 s.
_FRONT_STOP, _BROKER_STOP = 15, 60


@dataclass(frozen=True)
class ProcessSpec:
    """One child. `role`: epmd, broker, web, worker, beat, consumer or flower. `stop_after`: seconds."""

    name: str
    role: str
    group: str
    command: list[str]
    environment: dict[str, str] = field(repr=False)
    stop_after: float
    heartbeat: Path | None = None
    metrics: str | None = None


@dataclass(frozen=True)
class StackOptions:
    """What a user may say about a local stack. `environment`: more variables for every process of the app."""

    stack_file: Path = Path("stack.yml")
    host: str = LOOPBACK
    port: int | None = None
    token: str | None = field(default=None, repr=False)
    flower: bool = False
    management: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def broker_specs(files: NodeFiles, mark: Mapping[str, str]) -> list[ProcessSpec]:
    """RabbitMQ and the Erlang name server that is its own."""
    environment = files.environment() | dict(mark)
    return [
        ProcessSpec("epmd", "epmd", "epmd", files.epmd_command, environment, 5),
        ProcessSpec("rabbitmq", "broker", "rabbitmq", files.server_command, environment, _BROKER_STOP),
    ]


def app_specs(
    directory: Path, contract: Contract, options: StackOptions, files: NodeFiles, mark: Mapping[str, str], port: int
) -> list[ProcessSpec]:
    """The processes of the app: `python -m app …`, each with the broker user of its role."""
    specs: list[ProcessSpec] = []
    common = _inherited() | dict(options.environment) | dict(mark)
    common |= {
        "STACK_FILE": str(options.stack_file.absolute()),
        "WARREN_DATA_DIR": str(directory / "data"),
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(Path(app.__file__).parents[1]),
    }

    def add(name: str, role: str, group: str, user: str, stop: float, arguments: list[str], **own: str) -> ProcessSpec:
        environment = common | own | {"CELERY_BROKER_URL": files.url(user)}
        heartbeat = Path(own["WARREN_HEARTBEAT_FILE"]) if "WARREN_HEARTBEAT_FILE" in own else None
        metrics = own.get("WARREN_METRICS_PORT")
        spec = ProcessSpec(
            name=name,
            role=role,
            group=group,
            command=[sys.executable, "-m", "app", *arguments],
            environment=environment,
            stop_after=stop,
            heartbeat=heartbeat,
            metrics=f"http://{LOOPBACK}:{metrics}/metrics" if metrics else None,
        )
        specs.append(spec)
        return spec

    for pool_name, pool in contract.pools.items():
        for index in range(pool.process_count()):
            name = f"worker-{pool_name}-{index}"
            add(
                *(name, "worker", "workers", "worker", contract.stop.timeout),
                ["worker", pool_name, "--index", str(index)],
                WARREN_HEARTBEAT_FILE=str(directory / "heartbeat" / name),
                WARREN_METRICS_PORT=str(free_ports(1)[0]),
            )
    token = {"WARREN_TOKEN": options.token} if options.token else {}
    listen = {"WARREN_HOST": options.host, "WARREN_PORT": str(port)}
    add("web", "web", "front", "web", _FRONT_STOP, ["web"], **listen, **token)
    add("beat", "beat", "front", "beat", _FRONT_STOP, ["beat"])
    add("consumer", "consumer", "front", "consumer", _FRONT_STOP, ["consumer"])
    if options.flower:
        flower_port = str(free_ports(1)[0])
        own = {"FLOWER_HOST": LOOPBACK, "FLOWER_LISTEN_PORT": flower_port}
        add("flower", "flower", "front", "monitor", _FRONT_STOP, ["flower"], **own)
    return specs


def results_elsewhere() -> str | None:
    """The variable by which our own environment names another result store for the stack; None: its SQLite file."""
    return next((name for name in RESULTS if os.environ.get(name)), None)


def _inherited() -> dict[str, str]:
    """Our own environment (proxies, certificates, CELERY_BACKEND_URL, WARREN_DOG_API, …) without all that."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}
