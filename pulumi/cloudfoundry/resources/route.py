"""A route: a host in a domain, leading to a process of the app."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider

from resources import common

KEYS = ("space", "domain", "host", "app", "process")


class RouteProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        client = common.connect()
        found = client.routes.find(props["domain"], props["host"])
        if found is None:
            ours = common.labels(props["stack"])
            found = client.routes.create(props["space"], props["domain"], props["host"], metadata=ours)
        others = [each for each in client.routes.destinations(found.guid) if each.app_guid != props["app"]]
        if others:
            raise common.Taken(f"the route {found.url} leads to another app: it is left alone. Choose another host")
        client.routes.lead(found.guid, props["app"], props["process"])
        # Korifi starts the process anew a moment later: only now does it know its port.
        client.instances.wait(props["app"], steady=client.transport.patience.settled)
        return CreateResult(found.guid, {**props, "url": found.url})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        replaces = common.changed(_olds, _news, KEYS)
        return DiffResult(changes=bool(replaces), replaces=replaces, delete_before_replace=True)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        client = common.connect()
        found = client.routes.find(props["domain"], props["host"])
        if found is None or found.guid != id_:
            return ReadResult("", {})
        to = {(each.app_guid, each.process_type) for each in client.routes.destinations(id_)}
        ours = (props["app"], props["process"]) in to
        return ReadResult(id_, props if ours else {**props, "app": ""})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """One that was there before stays, and leads to us no more."""
        client = common.connect()
        found = client.routes.find(_props["domain"], _props["host"])
        if found is None or found.guid != _id:
            return
        if common.is_ours(found, _props["stack"]):
            client.routes.delete(_id)
            return
        for each in client.routes.destinations(_id):
            if each.app_guid == _props["app"]:
                client.routes.lead_no_more(_id, each.guid)


class Route(Resource, module="warren", name="Route"):
    """`space`, `domain`, `app`: their guids. `stack`: whose it is. `url`: without a scheme."""

    url: pulumi.Output[str]

    def __init__(self, name: str, args: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(RouteProvider(), name, {**args, "url": None}, opts)
