"""stack.yml as a manifest for `cf push`, in one of two shapes, and whether a manifest still fits it."""

from collections.abc import Mapping
from typing import Any, Literal

import yaml

from app.contract import Contract
from app.units import format_duration
from loadtests.cloudfoundry import processes
from loadtests.cloudfoundry.processes import ANSWER, START, AppProcess

Shape = Literal["one-app", "two-apps"]
BUILDPACKS = ["python_buildpack"]
WORKER = "-worker"
UNITS = {"M": 1, "MB": 1, "G": 1024, "GB": 1024, "T": 1024**2, "TB": 1024**2}
OUTSIDE = "0.0.0.0"  # noqa: S104 - inside its container


def build(
    contract: Contract,
    shape: Shape = "one-app",
    *,
    name: str = "warren",
    service: str = "warren-rabbitmq",
    routes: tuple[str, ...] = (),
    cores: int = 1,
    flower: bool = False,
) -> dict[str, Any]:
    """A manifest as a dictionary. `service`: the RabbitMQ instance. `routes`: of the front end; none: a random one.

    `one-app`: all processes run one droplet. `two-apps`: the front end, and what works without a route.
    """
    front, behind = processes.web(contract), [*processes.workers(contract, cores), *processes.others(contract, flower)]
    way_in: dict[str, Any] = {"routes": [{"route": route} for route in routes]} if routes else {"random-route": True}
    listens = {"PYTHONUNBUFFERED": "1", "WARREN_HOST": OUTSIDE}
    if shape == "one-app":
        every = [_process(each) for each in [front, *behind]]
        return {"applications": [_app(name, service) | way_in | {"env": listens, "processes": every}]}
    # Results go straight back to who asked, and `/` asks for a sum and waits, as in the example this shape is from.
    back = {"CELERY_BACKEND_URL": "rpc://"}
    front_app = _app(name, service) | way_in | {"env": {**listens, **back, "WARREN_FRONT_PAGE": "longtime_add"}}
    front_app |= {key: value for key, value in _process(front).items() if key != "type"}
    # An app always has a process `web`; here nothing is to run in it.
    idle = {"type": processes.WEB, "instances": 0}
    worker_app = _app(f"{name}{WORKER}", service) | {"no-route": True, "health-check-type": "process"}
    worker_app |= {"env": {"PYTHONUNBUFFERED": "1", **back}, "processes": [idle, *map(_process, behind)]}
    return {"applications": [front_app, worker_app]}


def _app(name: str, service: str) -> dict[str, Any]:
    return {"name": name, "buildpacks": list(BUILDPACKS), "services": [service]}


def _process(process: AppProcess) -> dict[str, Any]:
    health: dict[str, Any] = {"health-check-type": "process"}
    if process.endpoint:
        health = {
            "health-check-type": "http",
            "health-check-http-endpoint": process.endpoint,
            "health-check-invocation-timeout": ANSWER,
        }
    return {
        "type": process.kind,
        "command": process.command,
        "instances": process.instances,
        "memory": f"{process.memory}M",
        **health,
        "timeout": START,
    }


def write(manifest: Mapping[str, Any], contract: Contract, shape: Shape, command: str) -> str:
    """The text of a manifest, with what has to be done beside it as comments. No secret is in it."""
    apps, service = [each["name"] for each in manifest["applications"]], manifest["applications"][0]["services"][0]
    notes = [
        f"Made from stack.yml by `{command}`; `warren manifest --check` tells when it no longer fits.",
        "",
        f"  cf create-service SERVICE PLAN {service}      # a RabbitMQ of your marketplace",
        "  cf push --no-start",
    ]
    notes.append(f"  cf set-env {apps[0]} WARREN_TOKEN …      # what every request to the front end must bring")
    if shape == "one-app":
        notes.append(f"  cf set-env {apps[0]} CELERY_BACKEND_URL rediss://…      # results, for all processes to reach")
    notes += [f"  cf start {app}" for app in apps]
    if cut := processes.cut_short(contract):
        longest = ", ".join(f"{pool} {format_duration(seconds)}" for pool, seconds in cut.items())
        notes += [
            "",
            f"Most foundations kill a process {processes.GRACE} s after asking it to stop. Tasks that may take longer",
            f"({longest}) are then delivered again: they run at least once, and a release may run some twice.",
        ]
    header = "".join(f"# {note}".rstrip() + "\n" for note in notes)
    return header + yaml.safe_dump(dict(manifest), sort_keys=False, allow_unicode=True, width=120)


def disagreements(found: Any, contract: Contract) -> list[str]:
    """What in a manifest does not fit stack.yml, each with what to do; names, routes, services and counts are free."""
    wanted = {each.kind: each for each in [processes.web(contract), *processes.workers(contract)]}
    optional = {each.kind: each for each in processes.others(contract, flower=True)}
    try:
        there = dict(_told(found))
    except (TypeError, KeyError, AttributeError) as error:
        return [f"this is no manifest: it needs `applications`, each with a `name` ({error!r})"]
    complaints = [
        f"process {kind}: missing, so nothing would {'answer' if kind == processes.WEB else 'read its queues'}; write "
        "the manifest anew: warren manifest"
        for kind in wanted
        if kind not in there
    ]
    for kind, (where, given) in there.items():
        process = wanted.get(kind) or optional.get(kind)
        if process is None:
            complaints.append(f"{where}: stack.yml has nothing of the name {kind!r}; remove it, or correct its name")
            continue
        if given.get("command", process.command) != process.command:
            complaints.append(f"{where}: the command is {given['command']!r}; stack.yml needs {process.command!r}")
        memory = _megabytes(given.get("memory"))
        if memory is None or memory < process.memory:
            said = f"{given['memory']} of memory is" if "memory" in given else "no memory is said, which may be"
            complaints.append(f"{where}: {said} less than its tasks may take; set memory: {process.memory}M")
        if kind == "beat" and given.get("instances", 1) > 1:
            complaints.append(f"{where}: {given['instances']} instances, but only one may send; set instances: 1")
    return complaints


def _told(manifest: Any) -> dict[str, tuple[str, dict[str, Any]]]:
    """By type of process: where it stands, and what is said of it, with what its app says for all."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for app in manifest["applications"]:
        own = {"type": processes.WEB, **{key: app[key] for key in ("command", "instances", "memory") if key in app}}
        listed = [dict(each) for each in app.get("processes", [])]
        if not any(each["type"] == processes.WEB for each in listed):
            listed.insert(0, own)
        for each in listed:
            base = own if each["type"] == processes.WEB else {}
            told = {**base, **each}
            if told.get("instances") != 0:
                found[told["type"]] = (f"{app['name']}: process {told['type']}", told)
    return found


def _megabytes(text: Any) -> int | None:
    words = str(text or "").upper().strip()
    number, unit = words.rstrip("MGTB"), words.lstrip("0123456789")
    return int(number) * UNITS[unit] if number.isdecimal() and unit in UNITS else None
