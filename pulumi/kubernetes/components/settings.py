"""What a stack may be told by `pulumi config` or Pulumi.<stack>.yaml. All has a default; stack.yml says the rest.

`python -m components.settings` prints the JSON schema of it, for editors.
"""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

PROJECT = "warren"


class ConfigError(ValueError):
    """The stack's configuration cannot work; the text says which key, and what to do."""


def _pinned(image: str) -> str:
    """An image that is the same one tomorrow."""
    tag = image.rpartition("/")[2].partition(":")[2]
    if "@sha256:" not in image and tag in ("", "latest"):
        raise ValueError(f"{image!r} may be another image tomorrow; name a tag other than `latest`, or a digest")
    return image


Image = Annotated[str, AfterValidator(_pinned)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,50}[a-z0-9])?$")]
Quantity = Annotated[str, Field(pattern=r"^\d+(\.\d+)?(m|[kMGT]|[KMGT]i)?$")]
Count = Annotated[int, Field(ge=0, strict=True)]


class Part(BaseModel):
    """Keys are camelCase in YAML, as Pulumi's are, and snake_case in Python."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Resources(Part):
    """`cpu` is what the scheduler reserves; `memory` what it reserves and what the kernel enforces."""

    cpu: Quantity
    memory: Quantity
    cpu_limit: Quantity | None = None


class Placement(Part):
    """Where pods may run. `spread`: whether two of a kind may share a node when there is no other."""

    priority_class: str | None = None
    node_selector: dict[str, str] = {}
    tolerations: list[dict[str, Any]] = []
    spread: Literal["prefer", "require"] = "prefer"


class Storage(Part):
    """A volume for each pod. `storage_class` None: the cluster's default."""

    size: Quantity = "8Gi"
    storage_class: str | None = None


class Scaling(Part):
    """Who decides the number of pods: nobody, the CPU's use (`hpa`), or the length of the queue (`keda`)."""

    kind: Literal["fixed", "hpa", "keda"] = "fixed"
    min: Count = 1
    max: Annotated[int, Field(ge=1, strict=True)] = 10
    cpu: Annotated[int, Field(ge=1, le=100)] = 70
    # Messages for each pod; None: what it prefetches, for fewer would wait in one pod while another is idle.
    messages: Annotated[int, Field(ge=1)] | None = None
    # Seconds: between two looks at the queue; without work before the last pod goes; before any pod goes.
    polling: Annotated[int, Field(ge=1)] = 5
    cooldown: Count = 60
    stabilization: Count = 60

    @model_validator(mode="after")
    def _in_order(self) -> "Scaling":
        if self.min > self.max:
            raise ValueError(f"min ({self.min}) is more than max ({self.max})")
        if self.kind == "hpa" and self.min == 0:
            raise ValueError("an HPA cannot scale to 0; set min to 1, or kind to keda")
        return self


class BrokerSettings(Part):
    """`builtin`: our StatefulSet. `operator`: the RabbitMQ Cluster Operator's. `external`: one that is there."""

    kind: Literal["builtin", "operator", "external"] = "builtin"
    image: Image = "rabbitmq:4.1.4-management"
    # Of RabbitMQ; needed where the image's tag does not begin with it.
    version: Annotated[str, Field(pattern=r"^\d+(\.\d+)*$")] | None = None
    user_id: Annotated[int, Field(ge=1)] = 999
    storage: Storage = Storage()
    resources: Resources = Resources(cpu="200m", memory="1Gi")
    placement: Placement = Placement()
    # Seconds a node is given to hand over its queues before it is killed.
    grace: Annotated[int, Field(ge=30)] = 120
    # external: an address (for all, or for each role), or a Secret in the shape of servicebinding.io.
    uri: str | None = Field(None, repr=False)
    uris: dict[str, str] = Field({}, repr=False)
    binding_secret: Name | None = None
    management_uri: str | None = Field(None, repr=False)
    ca: str | None = None

    @model_validator(mode="after")
    def _fits(self) -> "BrokerSettings":
        ways = [bool(self.uri), bool(self.uris), bool(self.binding_secret)]
        if self.kind == "external" and sum(ways) != 1:
            raise ValueError(
                "an external broker needs its address: exactly one of `uri`, `uris` (by role) and `bindingSecret`; "
                "pulumi config set --secret --path 'broker.uri' amqps://user:password@host/vhost"
            )
        if self.kind != "external" and (any(ways) or self.management_uri or self.ca):
            raise ValueError(f"uri, uris, bindingSecret, managementUri and ca are for kind: external, not {self.kind}")
        if self.kind != "external" and not self.rabbitmq_version:
            raise ValueError(f"the tag of {self.image} does not say which RabbitMQ it is; set version")
        return self

    @property
    def rabbitmq_version(self) -> tuple[int, ...]:
        """Such as (4, 1, 4); empty when nobody says."""
        tag = self.image.partition("@")[0].rpartition("/")[2].partition(":")[2]
        found = re.match(r"\d+(\.\d+)*", self.version or tag)
        return tuple(int(part) for part in found[0].split(".")) if found else ()


class ResultsSettings(Part):
    """`builtin`: one Valkey or Redis of ours. `external`: any URL the app takes."""

    kind: Literal["builtin", "external"] = "builtin"
    image: Image = "valkey/valkey:8.1.4"
    user_id: Annotated[int, Field(ge=1)] = 999
    url: str | None = Field(None, repr=False)
    storage: Storage = Storage(size="2Gi")
    resources: Resources = Resources(cpu="50m", memory="512Mi")
    placement: Placement = Placement()

    @model_validator(mode="after")
    def _fits(self) -> "ResultsSettings":
        if (self.kind == "external") != bool(self.url):
            raise ValueError("`url` belongs to kind: external, and that kind needs it")
        return self


class WorkerSettings(Part):
    """Of one pool of stack.yml. `memory` None: from the pool's own limits."""

    replicas: Count = 2
    cpu: Quantity = "100m"
    cpu_limit: Quantity | None = None
    memory: Quantity | None = None
    scaling: Scaling = Scaling()
    placement: Placement = Placement()


class Tls(Part):
    """A certificate of a Secret of type kubernetes.io/tls in our namespace; who makes it is up to you."""

    secret: Name


class Ingress(Part):
    host: str
    class_name: str | None = None
    tls: Tls | None = None
    annotations: dict[str, str] = {}


class Gateway(Part):
    """An HTTPRoute to a Gateway that is there already, which ends TLS."""

    name: Name
    namespace: Name
    host: str
    section: str | None = None


class WebSettings(Part):
    replicas: Count = 2
    scaling: Scaling = Scaling()
    resources: Resources = Resources(cpu="100m", memory="512Mi")
    placement: Placement = Placement()
    service: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    ingress: Ingress | None = None
    gateway: Gateway | None = None

    @model_validator(mode="after")
    def _fits(self) -> "WebSettings":
        if self.scaling.kind == "keda":
            raise ValueError("the front end has no queue; use scaling kind hpa or fixed")
        if self.ingress and self.gateway:
            raise ValueError("choose one of ingress and gateway")
        return self


class SmallSettings(Part):
    """Flower, the plain consumer: one small pod, or none."""

    enabled: bool = True
    resources: Resources = Resources(cpu="25m", memory="256Mi")
    placement: Placement = Placement()


class NetworkSettings(Part):
    """Everything is closed and what is needed is open; takes effect where the cluster's network enforces policies."""

    enabled: bool = True
    # Namespaces from which the front end may be reached; empty: all.
    web_from: list[Name] = []
    monitoring_from: list[Name] = []
    keda_from: Name = "keda"
    # Whether workers may fetch from the internet, as `download` and `get_dog_pics` do.
    internet: bool = True


class Settings(Part):
    """Keys below `warren:`."""

    namespace: Name = "warren"
    create_namespace: bool = True
    # None: the one that `make image` makes of this checkout.
    image: Image | None = None
    image_pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    image_pull_secrets: list[Name] = []
    stack_file: str = "../../stack.yml"
    # Laid over stack.yml, key by key: {broker: {nodes: 3, replicas: 3}}
    contract: dict[str, Any] = {}
    # Raise it and all passwords and certificates are made anew.
    generation: Annotated[int, Field(ge=1, strict=True)] = 1
    # Seconds without progress after which an update has failed.
    ready_within: Annotated[int, Field(ge=10, strict=True)] = 300
    broker: BrokerSettings = BrokerSettings()
    results: ResultsSettings = ResultsSettings()
    workers: dict[str, WorkerSettings] = {}
    web: WebSettings = WebSettings()
    beat: SmallSettings = SmallSettings()
    flower: SmallSettings = SmallSettings()
    consumer: SmallSettings = SmallSettings()
    network: NetworkSettings = NetworkSettings()
    # ServiceMonitors and PodMonitors: `auto` makes them where their definitions exist.
    monitors: Literal["auto", "on", "off"] = "auto"


def read(config: Mapping[str, Any]) -> Settings:
    """Settings from Pulumi's flat `warren:key` → text. Raises ConfigError that names every wrong key."""
    prefix = f"{PROJECT}:"
    data = {key.removeprefix(prefix): _value(text) for key, text in config.items() if key.startswith(prefix)}
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise ConfigError("\n".join(_complaint(detail) for detail in error.errors())) from error


def _value(text: Any) -> Any:
    """Pulumi hands everything over as text: objects, numbers and switches as JSON."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _complaint(detail: Any) -> str:
    where = ".".join(str(step) for step in detail["loc"])
    message = {
        "extra_forbidden": "not a setting Warren knows; remove it or correct its spelling "
        f"(pulumi config rm --path '{where}')",
        "missing": "missing",
    }.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    return f"{PROJECT}:{where}: {message}"


if __name__ == "__main__":
    print(json.dumps(Settings.model_json_schema(by_alias=True), indent=2))
