"""The target `cloudfoundry`: an app known by its name in a space, which a bench uses and leaves running."""

from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.bench.target import NoTarget, Progress, Target, by_url
from loadtests.cloudfoundry.client import login
from loadtests.cloudfoundry.client.errors import FoundationError
from loadtests.cloudfoundry.deployment import read


@contextmanager
def by_app(name: str, url: str, token: str, ca: str, progress: Progress) -> Iterator[Target]:
    """`url`: a way to the front end other than its route. Raises NoTarget when it cannot be reached."""
    try:
        client = login.connect(say=progress)
        progress(f"asking the foundation for the app {name}")
        deployment = read(client, name)
        instances = {process.type: process.instances for process in client.processes.of_app(deployment.app)}
    except FoundationError as error:
        raise NoTarget(str(error)) from error
    way = url or deployment.url
    if not way:
        raise NoTarget(f"no route leads to the process web of {name}: cf map-route {name} DOMAIN --hostname HOST")
    target = by_url(way.rstrip("/"), token or deployment.token, ca)
    about = {"organization": client.organization, "space": client.space, "app": name, "instances": instances}
    target.facts = {"target": "cloudfoundry", "url": target.url, "broker": None, **about}
    shown = ", ".join(f"{kind} {count}" for kind, count in instances.items() if count)
    target.notes.append(f"instances: {shown}; a foundation tells nobody what share of its cells they had")
    yield target
