"""Apps, their processes and instances; packages, builds and droplets; tasks."""

import io
import zipfile
from typing import Any

import yaml
from flask import Blueprint, Response, request

from tests.cloudfoundry.fake import life, manifests
from tests.cloudfoundry.fake.api_spaces import job, listed
from tests.cloudfoundry.fake.state import Foundation, Refused, Thing, labelled, not_found, owner, related, unprocessable


def calls(foundation: Foundation) -> Blueprint:
    part = Blueprint("apps", __name__)

    @part.post("/v3/apps")
    def create() -> Any:
        body = request.get_json()
        space = owner(body, "space")
        if any(each["name"] == body["name"] for each in foundation.of("apps", space=space or "")):
            raise unprocessable(f"App with the name '{body['name']}' already exists.")
        app = manifests.make(foundation, space or "", body["name"], body.get("lifecycle"), **labelled(body))
        foundation.environment[app["guid"]] |= body.get("environment_variables") or {}
        return app, 201

    @part.patch("/v3/apps/<guid>")
    def update(guid: str) -> Thing:
        found = foundation.get("apps", guid)
        found.update(request.get_json())
        return found

    @part.delete("/v3/apps/<guid>")
    def remove(guid: str) -> Response:
        foundation.get("apps", guid)
        for each in foundation.of("service_credential_bindings", app=guid):
            del foundation.tables["service_credential_bindings"][each["guid"]]
        del foundation.tables["apps"][guid]
        return job(foundation, "app.delete")

    @part.get("/v3/apps/<guid>/environment_variables")
    def environment(guid: str) -> Thing:
        foundation.get("apps", guid)
        return {"var": foundation.environment[guid]}

    @part.patch("/v3/apps/<guid>/environment_variables")
    def set_environment(guid: str) -> Thing:
        wanted = request.get_json()["var"]
        there = foundation.environment[guid] | wanted
        foundation.environment[guid] = {key: value for key, value in there.items() if value is not None}
        return {"var": foundation.environment[guid]}

    @part.patch("/v3/apps/<guid>/features/<name>")
    def feature(guid: str, name: str) -> Thing:
        if not foundation.knows("features"):
            raise Refused(404, 10000, "NotFound", "Unknown request")
        if name not in foundation.features[guid]:
            raise not_found("Feature")
        foundation.features[guid][name] = request.get_json()["enabled"]
        return {"name": name, "description": name, "enabled": foundation.features[guid][name]}

    @part.post("/v3/apps/<guid>/actions/<action>")
    def act(guid: str, action: str) -> Thing:
        app = foundation.get("apps", guid)
        if action == "stop":
            life.stop(foundation, guid)
        elif guid not in foundation.current:
            raise unprocessable("Assign a droplet before starting this app.")
        else:
            life.start(foundation, guid)
        return app

    @part.get("/v3/apps/<guid>/routes")
    def routes(guid: str) -> Thing:
        found = foundation.tables["routes"].values()
        return listed(
            foundation, [each for each in found if any(to["app"]["guid"] == guid for to in each["destinations"])]
        )

    @part.get("/v3/apps/<guid>/revisions")
    def revisions(guid: str) -> Thing:
        if not foundation.knows("revisions"):
            raise Refused(404, 10000, "NotFound", "Unknown request")
        return listed(foundation, list(foundation.of("revisions", app=guid)))

    _processes(part, foundation)
    _staging(part, foundation)
    return part


def _processes(part: Blueprint, foundation: Foundation) -> None:
    @part.get("/v3/apps/<guid>/processes")
    def of_app(guid: str) -> Thing:
        foundation.get("apps", guid)
        hidden = [each | {"command": "[PRIVATE DATA HIDDEN IN LISTS]"} for each in foundation.of("processes", app=guid)]
        return listed(foundation, hidden)

    @part.get("/v3/apps/<guid>/processes/<kind>")
    def by_type(guid: str, kind: str) -> Thing:
        found = [each for each in foundation.of("processes", app=guid) if each["type"] == kind]
        if not found:
            raise not_found("Process")
        return found[-1]

    @part.patch("/v3/processes/<guid>")
    def update_process(guid: str) -> Thing:
        changes = request.get_json()
        if "readiness_health_check" in changes and not foundation.knows("readiness_health_check"):
            raise unprocessable('invalid request body: json: unknown field "readiness_health_check"')
        found = foundation.get("processes", guid)
        found.update(changes)
        return found

    @part.post("/v3/processes/<guid>/actions/scale")
    def scale(guid: str) -> Any:
        to = request.get_json()
        found = foundation.get("processes", guid)
        if to.get("memory_in_mb", 0) > 10_000:
            raise unprocessable("memory quota_exceeded")
        found.update({key: value for key, value in to.items() if key != "instances"})
        life.scale(foundation, guid, to.get("instances", found["instances"]))
        return found, 202

    @part.get("/v3/processes/<guid>/stats")
    def stats(guid: str) -> Thing:
        foundation.get("processes", guid)
        return {"resources": life.look(foundation, guid)}

    @part.delete("/v3/processes/<guid>/instances/<int:index>")
    def end(guid: str, index: int) -> Any:
        there = foundation.lives[guid]
        if index >= len(there):
            raise not_found("Instance")
        # What runs is started again, not what would be chosen now.
        there[index] = life.born(there[index]["droplet"])
        return "", 204


def _staging(part: Blueprint, foundation: Foundation) -> None:
    @part.post("/v3/packages")
    def package() -> Any:
        data = {"error": None, "checksum": {"type": "sha256", "value": None}}
        body = request.get_json()
        made = {"type": body["type"], "data": data, "state": "AWAITING_UPLOAD", "relationships": body["relationships"]}
        return foundation.add("packages", **made), 201

    @part.post("/v3/packages/<guid>/upload")
    def upload(guid: str) -> Thing:
        found = foundation.get("packages", guid)
        if found["state"] != "AWAITING_UPLOAD":
            raise Refused(422, 150004, "PackageBitsAlreadyUploaded", "Bits may be uploaded only once.")
        foundation.bits[guid] = request.files["bits"].read()
        found["state"] = "READY"
        return found

    @part.post("/v3/builds")
    def build() -> Any:
        asked = request.get_json()["package"]["guid"]
        found = foundation.get("packages", asked)
        app = owner(found, "app") or ""
        made = foundation.add(
            "builds", state="STAGING", error=None, package={"guid": asked}, droplet=None,
            lifecycle=foundation.get("apps", app)["lifecycle"], staging_memory_in_mb=1024, staging_disk_in_mb=1024,
            relationships=related(app=app),
        )  # fmt: skip
        shown = dict(made)
        if foundation.staging_error:
            for line in foundation.staging_log:
                foundation.log(app, line, "STG")
            made |= {"state": "FAILED", "error": foundation.staging_error}
        else:
            made |= {
                "state": "STAGED",
                "droplet": {"guid": droplet(foundation, app, **_procfile(foundation.bits[asked]))["guid"]},
            }
        return shown, 201

    @part.get("/v3/apps/<guid>/droplets/current")
    def current(guid: str) -> Thing:
        if guid not in foundation.current:
            raise not_found("Droplet")
        return foundation.get("droplets", foundation.current[guid])

    @part.patch("/v3/apps/<guid>/relationships/current_droplet")
    def choose(guid: str) -> Thing:
        foundation.get("apps", guid)
        chosen = foundation.get("droplets", request.get_json()["data"]["guid"])
        foundation.current[guid] = chosen["guid"]
        there = {each["type"] for each in foundation.of("processes", app=guid)}
        for kind, command in chosen["process_types"].items():
            if kind not in there:
                life.process(foundation, guid, kind, command=command)
        return {"data": {"guid": foundation.current[guid]}, "links": {"self": {"href": foundation.url}}}

    @part.post("/v3/apps/<guid>/tasks")
    def task(guid: str) -> Any:
        body = request.get_json()
        made = foundation.add(
            "tasks", sequence_id=1, name=body["name"], command=body["command"], state="RUNNING",
            droplet_guid=foundation.current[guid], result={"failure_reason": None}, relationships=related(app=guid),
        )  # fmt: skip
        shown = dict(made)
        made["state"] = "SUCCEEDED"
        return shown, 202


def _procfile(bits: bytes) -> dict[str, str]:
    """The processes that a buildpack finds; none in bits that are no zip."""
    if not zipfile.is_zipfile(io.BytesIO(bits)):
        return {}
    with zipfile.ZipFile(io.BytesIO(bits)) as archive:
        found = "Procfile" in archive.namelist() and yaml.safe_load(archive.read("Procfile"))
    return found or {}


def droplet(foundation: Foundation, app: str, **types: str) -> Thing:
    """A staged droplet of an app."""
    return foundation.add(
        "droplets", state="STAGED", error=None, lifecycle={"type": "buildpack", "data": {}}, execution_metadata="",
        process_types=types or {"web": "python -m app web"}, relationships=related(app=app),
    )  # fmt: skip
