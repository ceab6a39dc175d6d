"""An app with its processes: pushed, bound, started; changed with as little gap as the foundation can do."""

from typing import Any

import pulumi
import release
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from loadtests.cloudfoundry.client.client import Client
from resources import common

STARTED = "STARTED"
KEYS = ("environment", "services", "processes", "release")
SIZES = {"instances": "instances", "memory": "memory_in_mb", "disk": "disk_in_mb"}


class AppProvider(ResourceProvider):
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        client, name = common.connect(), props["name"]
        found = client.apps.find(props["space"], name)
        if found:
            cure = "Choose another warren:app, or delete it"
            common.must_be_ours(f"the app {name!r}", found, props["stack"], cure)
        else:
            found = client.apps.create(props["space"], name, metadata=common.labels(props["stack"]))
        app = found.guid
        _environment(client, app, props["environment"])
        _bindings(client, app, props["services"])
        client.staging.choose(app, _droplet(client, app, props))
        _processes(client, app, props["processes"])
        # One that a former `up` left crashing takes a new droplet and environment only with a new start.
        (client.apps.restart if found.state == STARTED else client.apps.start)(app)
        client.instances.wait(app)
        client.apps.update(app, metadata=common.labels(props["stack"], **{common.RELEASE: props["release"]}))
        return CreateResult(app, _kept(props))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        replaces = common.changed(_olds, _news, ("space", "name"))
        updates = common.changed(_olds, _news, KEYS)
        return DiffResult(changes=bool(replaces or updates), replaces=replaces, delete_before_replace=True)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Instances more or fewer come and go beside the others; anything else is a new release."""
        client = common.connect()
        _environment(client, _id, _news["environment"])
        _bindings(client, _id, _news["services"])
        if _only_scaled(_olds, _news):
            _processes(client, _id, _news["processes"])
            client.instances.wait(_id)
            return UpdateResult(_kept(_news))
        current = client.staging.current(_id)
        new = _olds.get("release") != _news["release"] or current is None
        droplet = _droplet(client, _id, _news) if new or current is None else current.guid
        _processes(client, _id, {kind: each for kind, each in _news["processes"].items() if kind in _olds["processes"]})

        def restore() -> None:
            _environment(client, _id, _olds["environment"])
            _processes(client, _id, _olds["processes"])

        client.rollout.release(_id, droplet, restore=restore)
        _processes(client, _id, _news["processes"])
        client.instances.wait(_id)
        client.apps.update(_id, metadata=common.labels(_news["stack"], **{common.RELEASE: _news["release"]}))
        return UpdateResult(_kept(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        client = common.connect()
        found = client.apps.find(props["space"], props["name"])
        if found is None or found.guid != id_:
            return ReadResult("", {})
        seen = {process.type: process for process in client.processes.of_app(id_)}
        processes = {
            kind: {**wanted, **{ours: getattr(seen[kind], theirs) for ours, theirs in SIZES.items()}}
            for kind, wanted in props["processes"].items()
            if kind in seen
        }
        bound = sorted(each.related("service_instance") or "" for each in client.services.bindings(app=id_))
        is_now = {
            "environment": client.apps.environment(id_),
            "services": bound,
            "processes": processes,
            "release": found.metadata.labels.get(common.RELEASE) or "",
        }
        return ReadResult(id_, {**props, **is_now})

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        common.connect().apps.delete(_id)


class App(Resource, module="warren", name="App"):
    """`space`: its guid; `services`: guids of instances; `environment`: all of it, as what is not in it is unset;
    `processes`: see processes.py; `stack_text`: the stack.yml that is pushed; `release`: digest of what is pushed."""

    def __init__(self, name: str, args: dict[str, Any], opts: pulumi.ResourceOptions | None = None) -> None:
        own = pulumi.ResourceOptions(additional_secret_outputs=["environment"])
        super().__init__(AppProvider(), name, args, pulumi.ResourceOptions.merge(opts, own))


def _kept(props: dict[str, Any]) -> dict[str, Any]:
    return {**props, "services": sorted(props["services"])}


def _only_scaled(olds: dict[str, Any], news: dict[str, Any]) -> bool:
    def without(processes: dict[str, Any]) -> dict[str, Any]:
        return {kind: {**each, "instances": 0} for kind, each in processes.items()}

    same = not common.changed(olds, news, ("environment", "services", "release"))
    return same and without(olds["processes"]) == without(news["processes"])


def _environment(client: Client, app: str, wanted: dict[str, str]) -> None:
    now = client.apps.environment(app)
    changes: dict[str, str | None] = {name: None for name in now if name not in wanted}
    changes |= {name: value for name, value in wanted.items() if now.get(name) != value}
    client.apps.set_environment(app, changes)


def _bindings(client: Client, app: str, services: list[str]) -> None:
    bound = {each.related("service_instance"): each.guid for each in client.services.bindings(app=app)}
    for service in services:
        if service not in bound:
            client.services.bind(app, service)
    for service, binding in bound.items():
        if service not in services:
            client.services.unbind(binding)


def _droplet(client: Client, app: str, props: dict[str, Any]) -> str:
    commands = {kind: each["command"] for kind, each in props["processes"].items()}
    bits, digest = release.pack(props["stack_text"], commands)
    pulumi.log.info(f"staging release {digest}: {len(bits) / 1e6:.1f} MB")
    package = client.staging.upload(app, bits)
    return client.staging.build(app, package.guid).guid


def _whole(value: Any) -> Any:
    """Pulumi hands numbers over as floats, and the API wants whole ones."""
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    return int(value) if isinstance(value, float) else value


def _processes(client: Client, app: str, wanted: dict[str, dict[str, Any]]) -> None:
    """Those that a former release had are not wanted any more: without instances they do nothing."""
    seen = {process.type: process for process in client.processes.of_app(app)}
    for kind, each in wanted.items():
        if kind in seen:
            client.processes.update(seen[kind].guid, {"health_check": _whole(each["health_check"])})
            to = {theirs: int(each[ours]) for ours, theirs in SIZES.items()}
            if any(getattr(seen[kind], theirs) != value for theirs, value in to.items()):
                client.processes.scale(seen[kind].guid, **to)
    for kind, process in seen.items():
        if kind not in wanted and process.instances:
            client.processes.scale(process.guid, instances=0)
