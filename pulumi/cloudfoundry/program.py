"""The whole stack: a broker from the marketplace, one app with a process for each part, routes."""

from dataclasses import dataclass

import processes
import pulumi
import release
import resources
from settings import ConfigError, Settings

from app.contract import Contract
from loadtests.cloudfoundry.client.client import Client


@dataclass(frozen=True)
class Place:
    """Where it goes, by guid; `domain` as well. `service`: the broker's, when it is there already."""

    space: str
    domain: str
    service: str | None


def look(client: Client, settings: Settings) -> Place:
    """Whether what is asked for can be had. Raises ConfigError and FoundationError."""
    space, broker, web = client.here, settings.broker, settings.web
    owner = space.related("organization") or ""
    domain = client.routes.domain(web.domain) if web.domain else client.routes.default_domain(owner)
    if bool(broker.offering) != bool(broker.plan):
        raise ConfigError("warren:broker: offering and plan belong together; `cf marketplace` lists both")
    if broker.offering and broker.plan:
        client.services.plan(broker.offering, broker.plan)
        return Place(space.guid, domain.guid, None)
    found = client.services.instance(space.guid, broker.service)
    if found is None:
        raise ConfigError(
            f"warren:broker.service: there is no service instance {broker.service!r} in this space; name one that is "
            "there, or have one made: pulumi config set --path broker.offering … and broker.plan …"
        )
    return Place(space.guid, domain.guid, found.guid)


def deploy(settings: Settings, contract: Contract, stack_text: str, place: Place, instance: str) -> None:
    """Declare everything and export what a user needs next."""
    broker: pulumi.Input[str]
    if place.service:
        broker = place.service
    else:
        wanted = settings.broker
        args = {"space": place.space, "name": wanted.service, "offering": wanted.offering, "plan": wanted.plan}
        broker = resources.Service("broker", {**args, "parameters": wanted.parameters, "stack": instance}).id
    token = resources.Token("web-token", settings.generation).value
    kinds = processes.wanted(settings, contract)
    commands = {kind: each["command"] for kind, each in kinds.items()}
    environment: dict[str, pulumi.Input[str]] = {
        **settings.environment,
        "WARREN_HOST": "0.0.0.0",  # noqa: S104 - the container's own
        "WARREN_TOKEN": token,
        "CELERY_BACKEND_URL": pulumi.Output.secret(settings.results.url),
        "PYTHONUNBUFFERED": "1",
    }
    app = resources.App(
        "app",
        {
            "space": place.space,
            "name": settings.app,
            "stack": instance,
            "services": [broker],
            "environment": pulumi.Output.secret(pulumi.Output.all(**environment)),
            "processes": kinds,
            "stack_text": stack_text,
            "release": release.pack(stack_text, commands)[1],
        },
    )

    def route(process: str, host: str) -> pulumi.Output[str]:
        leads = {"process": process, "host": host, "app": app.id, "stack": instance}
        made = resources.Route(f"{process}-route", {"space": place.space, "domain": place.domain, **leads})
        return pulumi.Output.concat("https://", made.url)

    url = route("web", settings.web.host or settings.app.lower().replace("_", "-"))
    pulumi.export("url", url)
    pulumi.export("token", token)
    if settings.flower.host:
        pulumi.export("flower", route(processes.FLOWER, settings.flower.host))
