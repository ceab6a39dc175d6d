"""What the v3 API speaks of, as far as it is used here. Fields that are not named are left alone."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, field_validator


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Problem(_Part):
    """An error in the foundation's own words; `title` and `code` are for programs, `detail` is for people."""

    detail: str = ""
    title: str = ""
    code: int = 0

    def __str__(self) -> str:
        mark = " ".join(filter(None, [self.title, str(self.code or "")]))
        return f"{self.detail or 'no detail'}{f' ({mark})' if mark else ''}"


class Metadata(_Part):
    labels: dict[str, str | None] = {}
    annotations: dict[str, str | None] = {}

    @field_validator("labels", "annotations", mode="before")
    @classmethod
    def _absent(cls, value: Any) -> Any:
        return value or {}  # Korifi writes null


class Pointer(_Part):
    guid: str


class Related(_Part):
    data: Pointer | None = None


class Resource(_Part):
    guid: str
    metadata: Metadata = Metadata()
    relationships: dict[str, Any] = {}

    @field_validator("metadata", "relationships", mode="before")
    @classmethod
    def _absent(cls, value: Any) -> Any:
        return value or {}

    def related(self, name: str) -> str | None:
        """The guid of what it belongs to: `space`, `app`, `service_plan`, …"""
        data = Related.model_validate(self.relationships.get(name) or {}).data
        return data.guid if data else None


class Named(Resource):
    name: str


class Organization(Named):
    pass


class Space(Named):
    pass


class App(Named):
    """`state` is the one asked for, not whether its instances run."""

    state: Literal["STARTED", "STOPPED"]
    lifecycle: dict[str, Any] = {}


class Process(Resource):
    """`command` is hidden from who may only look. `instances` is the number asked for; memory and disk are MiB."""

    type: str
    command: str | None = None
    instances: int
    memory_in_mb: int | None = None
    disk_in_mb: int | None = None
    log_rate_limit_in_bytes_per_second: int | None = None
    health_check: dict[str, Any] = {}
    readiness_health_check: dict[str, Any] | None = None
    version: str | None = None


class Instance(_Part):
    """One instance as it is now. `uptime` in seconds, `cpu` in cores, memory in bytes; None where nobody counts."""

    type: str = ""
    index: int
    state: str
    details: str | None = None
    instance_guid: str | None = None
    uptime: int | None = None
    routable: bool | None = None
    mem_quota: int | None = None
    usage: dict[str, Any] = {}

    @property
    def cpu(self) -> float | None:
        return self.usage.get("cpu")

    @property
    def memory(self) -> int | None:
        return self.usage.get("mem")


class Package(Resource):
    state: str
    data: dict[str, Any] = {}


class Build(Resource):
    state: Literal["STAGING", "STAGED", "FAILED"]
    error: str | None = None
    droplet: Pointer | None = None


class Droplet(Resource):
    state: str
    process_types: dict[str, str | None] | None = None


class DeploymentStatus(_Part):
    value: str = ""
    reason: str = ""


class Deployment(Resource):
    """A roll-out. ACTIVE while it goes on, FINALIZED afterwards; `reason` tells how."""

    status: DeploymentStatus = DeploymentStatus()
    strategy: str | None = None
    droplet: Pointer | None = None
    previous_droplet: Pointer | None = None

    @field_validator("droplet", "previous_droplet", mode="before")
    @classmethod
    def _empty(cls, value: Any) -> Any:
        return value if value and value.get("guid") else None


class Revision(Resource):
    version: int
    droplet: Pointer | None = None
    description: str | None = None


class Domain(Named):
    internal: bool = False
    supported_protocols: list[str] = ["http"]


class Destination(_Part):
    """Where a route leads: a process of an app."""

    guid: str | None = None
    app: dict[str, Any]
    port: int | None = None
    weight: int | None = None

    @property
    def app_guid(self) -> str:
        return str(self.app["guid"])

    @property
    def process_type(self) -> str:
        return str((self.app.get("process") or {}).get("type") or "web")


class Route(Resource):
    host: str | None = None
    path: str | None = None
    port: int | None = None
    url: str = ""
    destinations: list[Destination] = []


class LastOperation(_Part):
    type: str = ""
    state: str = ""
    description: str | None = None


class ServiceOffering(Named):
    available: bool | None = None
    tags: list[str] = []


class ServicePlan(Named):
    available: bool | None = None
    free: bool | None = None


class ServiceInstance(Named):
    type: Literal["managed", "user-provided"]
    tags: list[str] = []
    last_operation: LastOperation | None = None


class Binding(Resource):
    """Credentials of a service instance: of an app, or a key."""

    name: str | None = None
    type: Literal["app", "key"]
    last_operation: LastOperation | None = None


class Job(Resource):
    operation: str = ""
    state: str
    errors: list[Problem] = []
    warnings: list[Problem] = []


class Task(Resource):
    name: str
    state: str
    sequence_id: int | None = None
    result: dict[str, Any] | None = None


class Change(_Part):
    """One difference between a manifest and the foundation: a JSON patch."""

    op: str
    path: str
    was: Any = None
    value: Any = None


class LogLine(_Part):
    """`source`: APP/PROC/WEB, STG, RTR and the like; `instance`: its index as text."""

    time: datetime
    source: str
    instance: str = ""
    text: str
