"""Deployments. Each look at one is a step of it: new instances come up, old ones go, or it is cancelled."""

import uuid
from typing import Any

from flask import Blueprint, request

from tests.cloudfoundry.fake import life
from tests.cloudfoundry.fake.state import Foundation, Refused, Thing, owner, related, unprocessable


def calls(foundation: Foundation) -> Blueprint:
    part = Blueprint("deployments", __name__)

    @part.post("/v3/deployments")
    def create() -> Any:
        if not foundation.knows("deployments"):
            raise Refused(404, 10000, "NotFound", "Unknown request")
        body = request.get_json()
        for name in ("strategy", "options"):
            if name in body and not foundation.knows(name):
                words = f'invalid request body: json: unknown field "{name}"'
                raise unprocessable(words if foundation.kind == "korifi" else f"Unknown field(s): '{name}'")
        app = owner(body, "app") or ""
        before, now = foundation.current.get(app), body["droplet"]["guid"]
        if now not in foundation.tables["droplets"]:
            raise unprocessable("Unable to assign current droplet. Ensure the droplet exists and belongs to this app.")
        foundation.current[app] = now
        made = foundation.add(
            "deployments", strategy=body.get("strategy", "rolling"), options=body.get("options", {}),
            droplet={"guid": now}, previous_droplet={"guid": before} if before else {}, new_processes=[],
            status=_status("ACTIVE", "DEPLOYING"), relationships=related(app=app),
        )  # fmt: skip
        version = len(list(foundation.of("revisions", app=app))) + 1
        foundation.add("revisions", version=version, droplet={"guid": now}, description="New droplet deployed.",
                       relationships=related(app=app))  # fmt: skip
        if foundation.kind == "korifi":
            del made["strategy"], made["options"]
            made["status"] = _status("FINALIZED", "DEPLOYED")
        else:
            _begin(foundation, made, app)
        return made, 201

    @part.get("/v3/deployments/<guid>")
    def get(guid: str) -> Thing:
        found = foundation.get("deployments", guid)
        if found["status"]["reason"] == "DEPLOYING":
            _step(foundation, found)
        elif found["status"]["reason"] == "CANCELING":
            found["status"] = _status("FINALIZED", "CANCELED")
        return found

    @part.post("/v3/deployments/<guid>/actions/cancel")
    def cancel(guid: str) -> Thing:
        if not foundation.knows("cancel"):
            raise Refused(404, 10000, "NotFound", "Unknown request")
        found = foundation.get("deployments", guid)
        if found["status"]["value"] != "ACTIVE":
            raise unprocessable("Cannot cancel a FINALIZED deployment")
        _back(foundation, found)
        return found

    return part


def _status(value: str, reason: str) -> Thing:
    return {"value": value, "reason": reason, "details": {"last_status_change": "2026-01-01T00:00:00Z"}}


def _begin(foundation: Foundation, deployment: Thing, app: str) -> None:
    """A second web process beside the one there is, of which the first instances come up."""
    old = next(each for each in foundation.of("processes", app=app) if each["type"] == "web")
    same = ("command", "memory_in_mb", "disk_in_mb", "health_check", "readiness_health_check")
    new = life.process(foundation, app, "web", instances=0, **{key: old[key] for key in same if key in old})
    deployment["new_processes"] = [{"guid": new["guid"], "type": "web"}]
    foundation.lives["before " + deployment["guid"]] = [{"wanted": old["instances"], "process": old["guid"]}]
    foundation.get("apps", app)["state"] = "STARTED"
    _grow(foundation, deployment, new, old["instances"])


def _grow(foundation: Foundation, deployment: Thing, new: Thing, wanted: int) -> None:
    more = min(deployment["options"].get("max_in_flight", 1), wanted - new["instances"])
    new["instances"] += more
    foundation.lives[new["guid"]] += [life.born(deployment["droplet"]["guid"]) for _ in range(more)]


def _step(foundation: Foundation, deployment: Thing) -> None:
    before = foundation.lives["before " + deployment["guid"]][0]
    new, old = foundation.get("processes", deployment["new_processes"][0]["guid"]), before["process"]
    if any(each["state"] != "RUNNING" for each in foundation.lives[new["guid"]]):
        return
    if new["instances"] < before["wanted"]:
        _grow(foundation, deployment, new, before["wanted"])
        left = max(1, before["wanted"] - new["instances"] + 1)
        foundation.get("processes", old)["instances"] = left
        del foundation.lives[old][left:]
        return
    del foundation.tables["processes"][old], foundation.lives[old]
    for other in foundation.of("processes", app=owner(deployment, "app") or ""):
        if other["type"] != "web":  # these are started anew at the end
            count = len(foundation.lives[other["guid"]])
            foundation.lives[other["guid"]] = [life.born(deployment["droplet"]["guid"]) for _ in range(count)]
            other["version"] = str(uuid.uuid4())
    deployment["status"] = _status("FINALIZED", "DEPLOYED")


def _back(foundation: Foundation, deployment: Thing) -> None:
    before = foundation.lives["before " + deployment["guid"]][0]
    new, old = deployment["new_processes"][0]["guid"], before["process"]
    del foundation.tables["processes"][new], foundation.lives[new]
    app = owner(deployment, "app") or ""
    foundation.current[app] = deployment["previous_droplet"]["guid"]
    life.scale(foundation, old, before["wanted"])
    deployment["status"] = _status("ACTIVE", "CANCELING")
