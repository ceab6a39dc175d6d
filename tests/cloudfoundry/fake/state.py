"""What a fake foundation holds."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Thing = dict[str, Any]
KINDS = (
    "organizations", "spaces", "domains", "apps", "processes", "packages", "builds", "droplets", "deployments",
    "revisions", "routes", "service_offerings", "service_plans", "service_instances", "service_credential_bindings",
    "jobs", "tasks",
)  # fmt: skip


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, code: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.problem = status, {"code": code, "title": f"CF-{title}", "detail": detail}


def unprocessable(detail: str) -> Refused:
    return Refused(422, 10008, "UnprocessableEntity", detail)


def not_found(what: str) -> Refused:
    return Refused(404, 10010, "ResourceNotFound", f"{what} not found")


def labelled(body: Thing) -> Thing:
    """The metadata that was asked for."""
    return {"metadata": {"labels": {}, "annotations": {}, **(body.get("metadata") or {})}}


@dataclass
class Foundation:
    """`kind`: `large` knows everything, `old` no options of deployments, `korifi` what Korifi 0.18 knows, `bare` no
    deployments at all. `page`: the most that a page of a list holds."""

    kind: str = "large"
    page: int = 100
    url: str = ""
    tables: dict[str, dict[str, Thing]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    # By app, by service instance or by package.
    environment: dict[str, dict[str, str]] = field(default_factory=dict)
    current: dict[str, str] = field(default_factory=dict)
    features: dict[str, dict[str, bool]] = field(default_factory=dict)
    credentials: dict[str, Thing] = field(default_factory=dict)
    bits: dict[str, bytes] = field(default_factory=dict)
    manifests: list[Thing] = field(default_factory=list)
    # By process.
    lives: dict[str, list[Thing]] = field(default_factory=dict)
    logs: list[Thing] = field(default_factory=list)
    # Trouble: droplets whose processes crash; a staging that fails, with its log; jobs that take so many looks or fail.
    crashing: set[str] = field(default_factory=set)
    staging_error: str = ""
    staging_log: list[str] = field(default_factory=list)
    job_looks: int = 1
    job_error: str = ""
    # Looks at an instance until it runs; and until Korifi begins to replace one.
    start_looks: int = 1
    roll_looks: int = 0

    def __post_init__(self) -> None:
        quota = str(uuid.uuid4())
        self.organization = self.add(
            "organizations", name="org", suspended=False, relationships={"quota": {"data": {"guid": quota}}}
        )
        self.space = self.add("spaces", name="dev", relationships=related(organization=self.organization["guid"]))
        domain = {"internal": False, "router_group": None, "supported_protocols": ["http"]}
        owner = {"organization": {"data": None}, "shared_organizations": {"data": []}}
        self.add("domains", name="apps.internal", relationships=owner, **domain | {"internal": True})
        self.domain = self.add("domains", name="apps.test", relationships=owner, **domain)

    def add(self, kind: str, **content: Any) -> Thing:
        guid, now = str(uuid.uuid4()), stamp()
        thing = {
            "guid": guid,
            "created_at": now,
            "updated_at": now,
            "metadata": {"labels": {}, "annotations": {}},
            "links": {"self": {"href": f"{self.url}/v3/{kind}/{guid}"}},
            **content,
        }
        self.tables[kind][guid] = thing
        return thing

    def get(self, kind: str, guid: str) -> Thing:
        found = self.tables[kind].get(guid)
        if found is None:
            raise not_found(kind.rstrip("s").replace("_", " ").title())
        return found

    def of(self, kind: str, **owners: str) -> Iterator[Thing]:
        """Those that belong to these: `of("processes", app=guid)`."""
        for thing in list(self.tables[kind].values()):
            if all(owner(thing, name) == guid for name, guid in owners.items()):
                yield thing

    def log(self, app: str, text: str, source: str = "APP/PROC/WEB", instance: str = "0") -> None:
        self.logs.append({"app": app, "text": text, "source": source, "instance": instance})

    def knows(self, what: str) -> bool:
        unknown = {
            "korifi": {
                "strategy",
                "options",
                "cancel",
                "readiness_health_check",
                "features",
                "revisions",
                "instance_guid",
            },
            "old": {"options"},
            "bare": {"deployments", "features", "revisions"},
        }
        return what not in unknown.get(self.kind, set())


def related(**guids: str) -> Thing:
    return {name: {"data": {"guid": guid}} for name, guid in guids.items()}


def owner(thing: Thing, name: str) -> str | None:
    data = (thing.get("relationships", {}).get(name) or {}).get("data")
    return data["guid"] if data else None


def stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
