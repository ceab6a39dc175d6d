"""A service instance of the marketplace, such as a vhost on a RabbitMQ."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from loadtests.cloudfoundry.client.resources import ServiceInstance
from resources import common


class ServiceProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        client, name = common.connect(), props["name"]
        found = client.services.settled(props["space"], name)
        if found:
            cure = "Choose another warren:broker.service, or leave offering and plan out to use it as it is"
            common.must_be_ours(f"the service instance {name!r}", found, props["stack"], cure)
        if found and _came_to_nothing(found):
            client.services.delete(found.guid)
            found = None
        if found is None:
            plan = client.services.plan(props["offering"], props["plan"])
            ours = common.labels(props["stack"])
            found = client.services.create(props["space"], name, plan.guid, props["parameters"], metadata=ours)
        return CreateResult(found.guid, props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        replaces = common.changed(_olds, _news, ("space", "name", "offering"))
        updates = common.changed(_olds, _news, ("plan", "parameters"))
        return DiffResult(changes=bool(replaces or updates), replaces=replaces, delete_before_replace=True)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        client = common.connect()
        changes: dict[str, Any] = {}
        if _olds["plan"] != _news["plan"]:
            plan = client.services.plan(_news["offering"], _news["plan"])
            changes["relationships"] = {"service_plan": {"data": {"guid": plan.guid}}}
        if _olds["parameters"] != _news["parameters"]:
            changes["parameters"] = _news["parameters"]
        client.services.update(_id, changes)
        return UpdateResult(_news)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        found = common.connect().services.instance(props["space"], props["name"])
        return ReadResult(id_, props) if found and found.guid == id_ else ReadResult("", {})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        client = common.connect()
        for binding in client.services.bindings(instance=_id):
            client.services.unbind(binding.guid)
        client.services.delete(_id)


def _came_to_nothing(found: ServiceInstance) -> bool:
    """Whether its broker could not make it: it stands there for its name only."""
    last = found.last_operation
    return last is not None and (last.type, last.state) == ("create", "failed")


class Service(Resource, module="warren", name="Service"):
    """`space`: its guid. `stack`: whose it is."""

    def __init__(self, name: str, args: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(ServiceProvider(), name, args, opts)
