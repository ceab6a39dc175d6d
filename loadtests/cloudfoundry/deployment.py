"""What a space says of the stack in it: by the name of its app."""

from dataclasses import dataclass

from loadtests.cloudfoundry.client.client import Client
from loadtests.cloudfoundry.client.errors import FoundationError
from loadtests.cloudfoundry.processes import WEB

NAME = "warren"


@dataclass(frozen=True)
class Deployment:
    """`url` empty: no route leads to the front end."""

    client: Client
    app: str
    url: str
    token: str


def read(client: Client, name: str = NAME) -> Deployment:
    """Raises FoundationError."""
    found = client.apps.find(client.here.guid, name)
    if found is None:
        raise FoundationError(
            f"the space {client.space} of {client.organization} holds no app {name!r}; name another by --app, or "
            "deploy it: pulumi up in pulumi/cloudfoundry"
        )
    routes = [
        route
        for route in client.routes.of_app(found.guid)
        if any(each.app_guid == found.guid and each.process_type == WEB for each in route.destinations)
    ]
    url = f"https://{routes[0].url}" if routes else ""
    return Deployment(client, found.guid, url, client.apps.environment(found.guid).get("WARREN_TOKEN", ""))
