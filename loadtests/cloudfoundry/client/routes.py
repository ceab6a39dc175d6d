"""Domains, routes, and where routes lead."""

from typing import Any

from loadtests.cloudfoundry.client import jobs
from loadtests.cloudfoundry.client.pages import by_name, every, must, parse
from loadtests.cloudfoundry.client.resources import Destination, Domain, Route
from loadtests.cloudfoundry.client.services import to
from loadtests.cloudfoundry.client.transport import Transport


class Routes:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def domain(self, name: str) -> Domain:
        """Raises NotThere."""
        found = by_name(self._transport, "/v3/domains", Domain, name)
        return must(found, f"domain {name!r}", "`cf domains` lists those of your organization")

    def default_domain(self, organization: str) -> Domain:
        """Where routes go when nobody says: the first that HTTP can reach from outside."""
        domains = every(self._transport, f"/v3/organizations/{organization}/domains", Domain)
        fit = [each for each in domains if not each.internal and "http" in each.supported_protocols]
        return must(fit[0] if fit else None, "domain for HTTP", "have the operator share one with your organization")

    def of_app(self, app: str) -> list[Route]:
        return every(self._transport, f"/v3/apps/{app}/routes", Route)

    def find(self, domain: str, host: str, path: str = "") -> Route | None:
        """By the guid of its domain, its host and path."""
        found = every(self._transport, "/v3/routes", Route, domain_guids=domain, hosts=host)
        return next((each for each in found if each.host == host and (each.path or "") == path), None)

    def create(self, space: str, domain: str, host: str, path: str = "", **more: Any) -> Route:
        """`more`: metadata."""
        body: dict[str, Any] = {"host": host, "relationships": {"space": to(space), "domain": to(domain)}, **more}
        if path:
            body["path"] = path
        return parse(Route, self._transport.send("POST", "/v3/routes", body))

    def destinations(self, route: str) -> list[Destination]:
        found = self._transport.get(f"/v3/routes/{route}/destinations")
        return [parse(Destination, each) for each in found.get("destinations") or []]

    def lead(self, route: str, app: str, process: str = "web", port: int | None = None) -> None:
        """To a process of an app, beside where it leads already. Once is enough, but again does no harm."""
        target: dict[str, Any] = {"app": {"guid": app, "process": {"type": process}}}
        if port:
            target["port"] = port
        path = f"/v3/routes/{route}/destinations"
        # Inserting a destination that is there changes nothing.
        self._transport.send("POST", path, {"destinations": [target]}, safe=True)

    def lead_no_more(self, route: str, destination: str) -> bool:
        return jobs.remove(self._transport, f"/v3/routes/{route}/destinations/{destination}")

    def delete(self, route: str) -> bool:
        return jobs.remove(self._transport, f"/v3/routes/{route}")
