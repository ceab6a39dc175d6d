"""Applying a manifest: what it names is made or changed, what it does not name stays."""

from collections.abc import Iterator
from typing import Any

from tests.cloudfoundry.fake import life
from tests.cloudfoundry.fake.state import Foundation, Thing, related, unprocessable

PROCESS_KEYS = {
    "command", "disk_quota", "health-check-http-endpoint", "health-check-interval", "health-check-invocation-timeout",
    "health-check-type", "instances", "memory", "readiness-health-check-http-endpoint",
    "readiness-health-check-interval", "readiness-health-check-type", "timeout",
}  # fmt: skip
APP_KEYS = PROCESS_KEYS | {
    "name", "buildpacks", "env", "features", "metadata", "no-route", "path", "processes", "random-route", "routes",
    "services", "stack",
}  # fmt: skip


def judge(foundation: Foundation, space: str, manifest: Thing) -> None:
    """Raises Refused before anything is changed."""
    for app in manifest["applications"]:
        name = app["name"]
        unknown = set(app) - APP_KEYS
        unknown |= {key for each in app.get("processes", []) for key in set(each) - PROCESS_KEYS - {"type"}}
        if unknown:
            raise unprocessable(f"For application '{name}': unknown keys {sorted(unknown)}")
        if app.get("no-route") and (app.get("routes") or app.get("random-route")):
            raise unprocessable(f"For application '{name}': Cannot use the combination of properties: no-route, routes")
        for service in app.get("services", []):
            if not any(each["name"] == service for each in foundation.of("service_instances", space=space)):
                raise unprocessable(f"For application '{name}': Service instance '{service}' not found")


def apply(foundation: Foundation, space: str, manifest: Thing) -> None:
    foundation.manifests.append(manifest)
    for wanted in manifest["applications"]:
        app = next((each for each in foundation.of("apps", space=space) if each["name"] == wanted["name"]), None)
        app = app or make(foundation, space, wanted["name"])
        guid = app["guid"]
        foundation.environment[guid] |= wanted.get("env", {})
        there = {each["type"]: each for each in foundation.of("processes", app=guid)}
        for kind, told in _processes(wanted):
            process = there.get(kind) or life.process(foundation, guid, kind)
            process.update(_as_resource(told, process))
            life.scale(foundation, process["guid"], process["instances"])
        for service in wanted.get("services", []):
            _bind(foundation, space, guid, service)
        hosts = [each["route"].partition(".")[0] for each in wanted.get("routes", [])]
        hosts += [f"{wanted['name']}-quick-fox"] if wanted.get("random-route") and not _routed(foundation, guid) else []
        for host in hosts:
            to = {"guid": guid, "app": {"guid": guid, "process": {"type": "web"}}, "weight": None, "port": 8080}
            relationships = related(space=space, domain=foundation.domain["guid"])
            foundation.add(
                "routes", protocol="http", host=host, path="", port=None, url=f"{host}.apps.test", destinations=[to],
                relationships=relationships,
            )  # fmt: skip


def make(foundation: Foundation, space: str, name: str, lifecycle: Thing | None = None, **more: Any) -> Thing:
    """A new app, with the process every app has."""
    given = lifecycle or {"type": "buildpack", "data": {"buildpacks": [], "stack": "cflinuxfs4"}}
    app = foundation.add(
        "apps", name=name, state="STOPPED", lifecycle=given, relationships=related(space=space), **more
    )  # fmt: skip
    foundation.environment[app["guid"]] = {}
    foundation.features[app["guid"]] = {"ssh": True, "revisions": True, "file-based-vcap-services": False}
    life.process(foundation, app["guid"], "web")
    return app


def _processes(app: Thing) -> Iterator[tuple[str, Thing]]:
    """What is said of an app is said of its process `web`."""
    if own := {key: app[key] for key in PROCESS_KEYS & set(app)}:
        yield "web", own
    for each in app.get("processes", []):
        yield each["type"], each


def _as_resource(told: Thing, process: Thing) -> Thing:
    changes = {key: told[key] for key in ("command", "instances") if key in told}
    if "memory" in told:
        changes["memory_in_mb"] = int(told["memory"].removesuffix("M"))
    if "health-check-type" in told:
        data = {"timeout": told.get("timeout"), "invocation_timeout": told.get("health-check-invocation-timeout")}
        data |= {"endpoint": told["health-check-http-endpoint"]} if "health-check-http-endpoint" in told else {}
        changes["health_check"] = {"type": told["health-check-type"], "data": data}
    return changes


def _bind(foundation: Foundation, space: str, app: str, service: str) -> None:
    found = next(each for each in foundation.of("service_instances", space=space) if each["name"] == service)
    if not any(foundation.of("service_credential_bindings", app=app, service_instance=found["guid"])):
        foundation.add(
            "service_credential_bindings", name=None, type="app",
            relationships=related(app=app, service_instance=found["guid"]),
        )  # fmt: skip


def _routed(foundation: Foundation, app: str) -> bool:
    routes = foundation.tables["routes"].values()
    return any(to["app"]["guid"] == app for route in routes for to in route["destinations"])
