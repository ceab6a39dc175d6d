"""The marketplace: offerings, plans, instances, and the credentials that apps get of them."""

from collections.abc import Mapping
from typing import Any

from loadtests.cloudfoundry.client import jobs
from loadtests.cloudfoundry.client.pages import by_name, every, must
from loadtests.cloudfoundry.client.resources import Binding, ServiceInstance, ServiceOffering, ServicePlan
from loadtests.cloudfoundry.client.transport import Transport

INSTANCES, BINDINGS = "/v3/service_instances", "/v3/service_credential_bindings"


def to(guid: str) -> dict[str, Any]:
    """A relationship to one."""
    return {"data": {"guid": guid}}


class Services:
    """Nothing here is repeated after an answer was lost: look by name what has come of it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def offering(self, name: str) -> ServiceOffering:
        """Raises NotThere."""
        found = by_name(self._transport, "/v3/service_offerings", ServiceOffering, name)
        return must(found, f"service {name!r} in the marketplace", "`cf marketplace` lists what there is")

    def offerings(self) -> list[ServiceOffering]:
        return every(self._transport, "/v3/service_offerings", ServiceOffering)

    def plan(self, offering: str, name: str) -> ServicePlan:
        """By the names of both. Raises NotThere, naming the plans that there are."""
        owner = self.offering(offering)
        plans = every(self._transport, "/v3/service_plans", ServicePlan, service_offering_guids=owner.guid)
        found = next((plan for plan in plans if plan.name == name), None)
        there = ", ".join(sorted(plan.name for plan in plans)) or "none that you may see"
        return must(found, f"plan {name!r} of service {offering!r}", f"there are: {there}")

    def instance(self, space: str, name: str) -> ServiceInstance | None:
        return by_name(self._transport, INSTANCES, ServiceInstance, name, space_guids=space)

    def settled(self, space: str, name: str, within: float = jobs.JOB) -> ServiceInstance | None:
        """The instance, once its broker is done with whatever it is at."""
        return jobs.until(
            lambda: self.instance(space, name),
            lambda found: found is None or not found.last_operation or found.last_operation.state != "in progress",
            self._transport.patience,
            within,
            f"the service instance {name}",
        )

    def create(
        self,
        space: str,
        name: str,
        plan: str,
        parameters: Mapping[str, Any] | None = None,
        tags: list[str] | None = None,
        within: float = jobs.JOB,
        metadata: Mapping[str, Any] | None = None,
    ) -> ServiceInstance:
        """A managed instance, ready when this returns. Raises JobFailed with the broker's own reason."""
        body: dict[str, Any] = {
            "type": "managed",
            "name": name,
            "relationships": {"space": to(space), "service_plan": to(plan)},
        }
        body |= {"parameters": dict(parameters)} if parameters else {}
        body |= {"tags": tags} if tags else {}
        body |= {"metadata": dict(metadata)} if metadata else {}
        return self._made(body, space, within)

    def create_user_provided(
        self, space: str, name: str, credentials: Mapping[str, Any], tags: list[str] | None = None
    ) -> ServiceInstance:
        body: dict[str, Any] = {
            "type": "user-provided",
            "name": name,
            "credentials": dict(credentials),
            "relationships": {"space": to(space)},
        }
        return self._made(body | ({"tags": tags} if tags else {}), space, jobs.JOB)

    def _made(self, body: dict[str, Any], space: str, within: float) -> ServiceInstance:
        answer = self._transport.request("POST", INSTANCES, json=body)
        jobs.finish(self._transport, answer, within)
        return must(self.instance(space, body["name"]), f"service instance {body['name']!r}", "look: cf services")

    def update(self, instance: str, changes: Mapping[str, Any], within: float = jobs.JOB) -> None:
        """`changes`: name, tags, parameters, credentials, metadata, relationships.service_plan."""
        jobs.finish(
            self._transport, self._transport.request("PATCH", f"{INSTANCES}/{instance}", json=dict(changes)), within
        )

    def delete(self, instance: str, within: float = jobs.JOB) -> bool:
        """Its bindings have to be gone. False when it was not there."""
        return jobs.remove(self._transport, f"{INSTANCES}/{instance}", within)

    def bindings(self, *, app: str | None = None, instance: str | None = None) -> list[Binding]:
        return every(self._transport, BINDINGS, Binding, app_guids=app, service_instance_guids=instance)

    def bind(
        self, app: str, instance: str, parameters: Mapping[str, Any] | None = None, within: float = jobs.JOB
    ) -> Binding:
        """The app sees the credentials from its next start on."""
        body: dict[str, Any] = {"type": "app", "relationships": {"app": to(app), "service_instance": to(instance)}}
        body |= {"parameters": dict(parameters)} if parameters else {}
        jobs.finish(self._transport, self._transport.request("POST", BINDINGS, json=body), within)
        found = self.bindings(app=app, instance=instance)
        return must(found[0] if found else None, "binding", "look: cf services")

    def key(self, instance: str, name: str, within: float = jobs.JOB) -> Binding:
        """Credentials for who is no app."""
        body = {"type": "key", "name": name, "relationships": {"service_instance": to(instance)}}
        jobs.finish(self._transport, self._transport.request("POST", BINDINGS, json=body), within)
        found = [each for each in self.bindings(instance=instance) if each.name == name]
        return must(found[0] if found else None, f"key {name!r}", "look: cf service-keys")

    def credentials(self, binding: str) -> dict[str, Any]:
        found: dict[str, Any] = self._transport.get(f"{BINDINGS}/{binding}/details").get("credentials") or {}
        return found

    def unbind(self, binding: str, within: float = jobs.JOB) -> bool:
        """False when it was gone. Restart the app before scaling it: Korifi's new instances wait for what is gone."""
        return jobs.remove(self._transport, f"{BINDINGS}/{binding}", within)
