"""The marketplace: one offering with two plans, instances, bindings."""

from typing import Any

from flask import Blueprint, Response, request

from tests.cloudfoundry.fake.api_spaces import job
from tests.cloudfoundry.fake.state import Foundation, Thing, labelled, owner, related, stamp, unprocessable

TAGS = ["rabbitmq", "amqp"]
NEWEST = {"type": "create", "state": "succeeded", "description": ""}


def _done() -> Thing:
    return NEWEST | {"created_at": stamp(), "updated_at": stamp()}


def calls(foundation: Foundation) -> Blueprint:
    part = Blueprint("services", __name__)
    broker = foundation.organization["guid"]  # any guid
    offering = foundation.add(
        "service_offerings", name="rabbitmq", description="RabbitMQ", available=True, tags=TAGS, requires=[],
        shareable=False, documentation_url="", relationships=related(service_broker=broker),
    )  # fmt: skip
    for name in ("shared", "dedicated"):
        foundation.add(
            "service_plans", name=name, description=name, visibility_type="public", available=True, free=True, costs=[],
            maintenance_info={}, relationships=related(service_offering=offering["guid"]),
        )  # fmt: skip

    @part.post("/v3/service_instances")
    def create() -> Any:
        body = request.get_json()
        space = owner(body, "space") or ""
        if any(each["name"] == body["name"] for each in foundation.of("service_instances", space=space)):
            raise unprocessable(f"The service instance name is taken: {body['name']}.")
        about = {"tags": body.get("tags", []), "relationships": body["relationships"], "last_operation": _done()}
        if body["type"] == "user-provided":
            links = {"self": {"href": foundation.url}}
            made = foundation.add(
                "service_instances", name=body["name"], type="user-provided", syslog_drain_url=None,
                route_service_url=None, links=links, **about,
            )  # fmt: skip
            foundation.credentials[made["guid"]] = body.get("credentials", {})
            return made, 201
        if not foundation.job_error:
            made = foundation.add(
                "service_instances", name=body["name"], type="managed", dashboard_url=None, maintenance_info={},
                upgrade_available=False, **about, **labelled(body),
            )  # fmt: skip
            foundation.credentials[made["guid"]] = {"uri": f"amqp://user:secret@broker.test/{body['name']}"}
        return job(foundation, "service_instance.create")

    @part.patch("/v3/service_instances/<guid>")
    def update(guid: str) -> Response:
        foundation.get("service_instances", guid).update(request.get_json())
        return job(foundation, "service_instance.update")

    @part.delete("/v3/service_instances/<guid>")
    def remove(guid: str) -> Any:
        foundation.get("service_instances", guid)
        if any(foundation.of("service_credential_bindings", service_instance=guid)):
            raise unprocessable("Please delete the bindings of this service instance first.")
        del foundation.tables["service_instances"][guid]
        return job(foundation, "service_instance.delete")

    @part.post("/v3/service_credential_bindings")
    def bind() -> Any:
        body = request.get_json()
        app, instance = owner(body, "app"), owner(body, "service_instance") or ""
        if app and any(foundation.of("service_credential_bindings", app=app, service_instance=instance)):
            raise unprocessable("The app is already bound to the service instance")
        made = foundation.add(
            "service_credential_bindings", name=body.get("name"), type=body["type"], last_operation=_done(),
            relationships=body["relationships"],
        )  # fmt: skip
        if foundation.get("service_instances", instance)["type"] == "user-provided":
            return made, 201
        return job(foundation, "service_bindings.create")

    @part.get("/v3/service_credential_bindings/<guid>/details")
    def details(guid: str) -> Thing:
        instance = owner(foundation.get("service_credential_bindings", guid), "service_instance")
        return {"credentials": foundation.credentials[instance or ""], "volume_mounts": []}

    @part.delete("/v3/service_credential_bindings/<guid>")
    def unbind(guid: str) -> Any:
        foundation.get("service_credential_bindings", guid)
        del foundation.tables["service_credential_bindings"][guid]
        return job(foundation, "service_bindings.delete")

    return part
