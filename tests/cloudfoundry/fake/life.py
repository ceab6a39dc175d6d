"""The life of instances. It goes by looks, not by seconds: each look at them is a tick."""

import time
import uuid
from typing import Any

from tests.cloudfoundry.fake.state import Foundation, Thing, owner, related

STATS = {
    "host": "10.0.0.1", "instance_internal_ip": "10.255.0.1", "mem_quota": 2**28, "disk_quota": 2**30,
    "log_rate_limit": -1, "fds_quota": 16384, "isolation_segment": None,
}  # fmt: skip


def process(foundation: Foundation, app: str, kind: str, **content: Any) -> Thing:
    """A process with its instances, none of which runs."""
    given = {
        "command": None, "user": "vcap", "instances": 1 if kind == "web" else 0, "memory_in_mb": 1024,
        "disk_in_mb": 1024,
        "log_rate_limit_in_bytes_per_second": -1, "version": str(uuid.uuid4()),
        "health_check": {"type": "port" if kind == "web" else "process", "data": {"timeout": None}},
    }  # fmt: skip
    if foundation.knows("readiness_health_check"):
        given["readiness_health_check"] = {"type": "process", "data": {}}
    made = foundation.add("processes", type=kind, relationships=related(app=app), **given | content)
    foundation.lives[made["guid"]] = []
    return made


def born(droplet: str) -> Thing:
    return {"guid": str(uuid.uuid4()), "looks": 0, "droplet": droplet, "state": "STARTING", "since": time.time()}


def start(foundation: Foundation, app: str) -> None:
    """All instances anew, of the droplet that the app has now."""
    if app not in foundation.current:
        return
    foundation.get("apps", app)["state"] = "STARTED"
    for each in foundation.of("processes", app=app):
        foundation.lives[each["guid"]] = [born(foundation.current[app]) for _ in range(each["instances"])]


def stop(foundation: Foundation, app: str) -> None:
    foundation.get("apps", app)["state"] = "STOPPED"
    for each in foundation.of("processes", app=app):
        foundation.lives[each["guid"]] = []


def scale(foundation: Foundation, process_guid: str, instances: int) -> None:
    found = foundation.get("processes", process_guid)
    found["instances"], app = instances, owner(found, "app")
    assert app
    if foundation.get("apps", app)["state"] == "STARTED":
        there = foundation.lives[process_guid][:instances]
        more = [born(foundation.current[app]) for _ in range(instances - len(there))]
        foundation.lives[process_guid] = there + more


def look(foundation: Foundation, process_guid: str) -> list[Thing]:
    """The instances as stats tell of them; then a tick passes."""
    found, instances = foundation.get("processes", process_guid), foundation.lives[process_guid]
    shown = [_shown(foundation, found, index, each) for index, each in enumerate(instances)]
    _replace_quietly(foundation, process_guid)
    for each in foundation.lives[process_guid]:
        each["looks"] += 1
        if each["droplet"] in foundation.crashing:
            each["state"] = "CRASHED" if each["looks"] >= foundation.start_looks else "STARTING"
        elif each["looks"] >= foundation.start_looks:
            each["state"] = "RUNNING"
    return shown


def _shown(foundation: Foundation, found: Thing, index: int, instance: Thing) -> Thing:
    told = {"type": found["type"], "index": index, "state": instance["state"], **STATS}
    if instance["state"] == "RUNNING":
        told["uptime"] = int(time.time() - instance["since"])
    told["details"] = "the process ended with exit code 1" if instance["state"] == "CRASHED" else None
    told["usage"] = {"time": "2026-01-01T00:00:00Z", "cpu": 0.1, "mem": 2**20, "disk": 2**20, "log_rate": 0}
    if foundation.knows("instance_guid"):
        told |= {"instance_guid": instance["guid"], "routable": instance["state"] == "RUNNING"}
    return told


def _replace_quietly(foundation: Foundation, process_guid: str) -> None:
    """As Korifi rolls: after it has called the deployment finished, one at a time, the last first."""
    app = owner(foundation.get("processes", process_guid), "app")
    instances, droplet = foundation.lives[process_guid], foundation.current.get(app or "")
    if foundation.kind != "korifi" or not droplet:
        return
    for index, each in reversed(list(enumerate(instances))):
        if each["droplet"] != droplet:
            each["waited"] = each.get("waited", 0) + 1
            if each["waited"] <= foundation.roll_looks:
                return
            instances[index] = born(droplet)
            return
        if each["state"] != "RUNNING":
            return
