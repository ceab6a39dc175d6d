"""Organizations, spaces, domains, routes, manifests, jobs; and every list."""

import uuid
from typing import Any

import yaml
from flask import Blueprint, Response, request

from tests.cloudfoundry.fake import manifests
from tests.cloudfoundry.fake.state import Foundation, Thing, labelled, not_found, owner, unprocessable


def listed(foundation: Foundation, found: list[Thing], under: str = "resources") -> Thing:
    """A page of them."""
    page, size = int(request.args.get("page", 1)), min(int(request.args.get("per_page", 50)), foundation.page)
    pages = max(1, -(-len(found) // size))

    def link(number: int) -> Thing:
        query = {**request.args, "page": str(number), "per_page": str(size)}
        # Behind a proxy foundations give another name than the one they are asked by.
        return {
            "href": f"http://inside.test{request.path}?" + "&".join(f"{key}={value}" for key, value in query.items())
        }

    about = {
        "total_results": len(found), "total_pages": pages, "first": link(1), "last": link(pages),
        "next": link(page + 1) if page < pages else None, "previous": link(page - 1) if page > 1 else None,
    }  # fmt: skip
    return {"pagination": about, under: found[(page - 1) * size : page * size]}


def job(foundation: Foundation, operation: str, warning: str = "") -> Response:
    """A 202 that names a job."""
    made = foundation.add("jobs", operation=operation, state="PROCESSING", errors=[], warnings=[])
    made["warnings"] = [{"detail": warning}] if warning else []
    given = Response("", 202)
    given.headers["Location"] = f"{foundation.url}/v3/jobs/{made['guid']}"
    return given


def calls(foundation: Foundation) -> Blueprint:
    part, looks = Blueprint("spaces", __name__), {}

    @part.get("/v3/<kind>")
    def every(kind: str) -> Thing:
        if kind not in foundation.tables:
            raise not_found("Unknown request")
        found = list(foundation.tables[kind].values())
        if "names" in request.args:
            found = [each for each in found if each.get("name") in request.args["names"].split(",")]
        if "hosts" in request.args:
            found = [each for each in found if each.get("host") in request.args["hosts"].split(",")]
        for name in ("app", "space", "organization", "service_offering", "service_instance", "domain"):
            if f"{name}_guids" in request.args:
                wanted = request.args[f"{name}_guids"].split(",")
                found = [each for each in found if owner(each, name) in wanted]
        return listed(foundation, found)

    @part.get("/v3/<kind>/<guid>")
    def one(kind: str, guid: str) -> Thing:
        if kind not in foundation.tables:
            raise not_found("Unknown request")
        found = foundation.get(kind, guid)
        if kind == "jobs":
            looks[guid] = looks.get(guid, 0) + 1
            if looks[guid] >= foundation.job_looks:
                failed = {
                    "code": 10001,
                    "title": "CF-AsyncServiceInstanceProvisionFailed",
                    "detail": foundation.job_error,
                }
                found["state"] = "FAILED" if foundation.job_error else "COMPLETE"
                found["errors"] = [failed] if foundation.job_error else []
        return found

    @part.get("/v3/organizations/<guid>/domains")
    def domains(guid: str) -> Thing:
        foundation.get("organizations", guid)
        return listed(foundation, list(foundation.tables["domains"].values()))

    @part.post("/v3/spaces/<guid>/actions/apply_manifest")
    def apply_manifest(guid: str) -> Response:
        manifest = yaml.safe_load(request.data)
        foundation.get("spaces", guid)
        manifests.judge(foundation, guid, manifest)
        manifests.apply(foundation, guid, manifest)
        return job(foundation, "space.apply_manifest", "the buildpack is deprecated")

    @part.post("/v3/spaces/<guid>/manifest_diff")
    def manifest_diff(guid: str) -> Any:
        wanted = yaml.safe_load(request.data)["applications"][0]
        app = next((each for each in foundation.of("apps", space=guid) if each["name"] == wanted["name"]), None)
        if app is None:
            return {"diff": [{"op": "add", "path": "/applications/0/name", "value": wanted["name"]}]}, 201
        web = next(each for each in foundation.of("processes", app=app["guid"]) if each["type"] == "web")
        was, now = web["instances"], wanted.get("instances", web["instances"])
        path = "/applications/0/instances"
        return {"diff": [] if was == now else [{"op": "replace", "path": path, "was": was, "value": now}]}, 201

    @part.post("/v3/routes")
    def route() -> Any:
        body = request.get_json()
        host, path = body["host"], body.get("path", "")
        if any(each["host"] == host and each["path"] == path for each in foundation.tables["routes"].values()):
            raise unprocessable(f"Route already exists with host '{host}' for domain 'apps.test'.")
        url = f"{host}.apps.test{path}"
        return foundation.add(
            "routes", protocol="http", host=host, path=path, port=None, url=url, destinations=[],
            relationships=body["relationships"], **labelled(body),
        ), 201  # fmt: skip

    @part.get("/v3/routes/<guid>/destinations")
    def destinations(guid: str) -> Thing:
        return {"destinations": foundation.get("routes", guid)["destinations"]}

    @part.post("/v3/routes/<guid>/destinations")
    def lead(guid: str) -> Thing:
        there = foundation.get("routes", guid)["destinations"]
        for each in request.get_json()["destinations"]:
            if not any(known["app"] == each["app"] for known in there):
                there.append({"guid": str(uuid.uuid4()), "weight": None, "port": 8080, **each})
        return {"destinations": there}

    @part.delete("/v3/routes/<guid>/destinations/<destination>")
    def lead_no_more(guid: str, destination: str) -> Any:
        there = foundation.get("routes", guid)["destinations"]
        there[:] = [each for each in there if each["guid"] != destination]
        return "", 204

    @part.delete("/v3/routes/<guid>")
    def remove_route(guid: str) -> Response:
        foundation.get("routes", guid)
        del foundation.tables["routes"][guid]
        return job(foundation, "route.delete")

    return part
