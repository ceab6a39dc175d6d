"""What a stack may be told by `pulumi config` or Pulumi.<stack>.yaml. stack.yml says the rest.

`python -m settings` prints the JSON schema of it, for editors.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

PROJECT = "warren"


class ConfigError(ValueError):
    """The stack's configuration cannot work; the text says which key, and what to do."""


Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_-]{0,60}[A-Za-z0-9])?$")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$")]
Count = Annotated[int, Field(ge=0, strict=True)]
Megabytes = Annotated[int, Field(ge=32, strict=True)]


class Part(BaseModel):
    """Keys are camelCase in YAML, as Pulumi's are, and snake_case in Python."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)


class ProcessSettings(Part):
    """Of one kind of process. `memory` and `disk`: megabytes for each instance. None: what stack.yml comes to, with one
    core for each instance."""

    instances: Count | None = None
    memory: Megabytes | None = None
    disk: Megabytes = 1024


class WebSettings(ProcessSettings):
    """`host` and `domain` make the route; by default the app's name, in the organization's first domain."""

    host: Host | None = None
    domain: str | None = None


class FlowerSettings(ProcessSettings):
    """Flower gets a route of its own when it is given a host."""

    host: Host | None = None


class BrokerSettings(Part):
    """A service instance. With `offering` and `plan` it is made, and goes with the stack; without, it is there already.

    A name should be no other's in all your spaces: Korifi looks for manifests' services in every space.
    """

    service: Name = "warren-rabbitmq"
    offering: str | None = None
    plan: str | None = None
    parameters: dict[str, Any] = {}


class ResultsSettings(Part):
    """Where results are kept, for all processes to reach: rediss://… or db+postgresql+psycopg://…"""

    url: str = Field(repr=False)


class Settings(Part):
    """Keys below `warren:`."""

    # None: where `cf target` is, or CF_ORG and CF_SPACE.
    organization: str | None = None
    space: str | None = None
    app: Name = "warren"
    stack_file: str = "../../stack.yml"
    # Laid over stack.yml, key by key.
    contract: dict[str, Any] = {}
    # Raise it and the front end's token is made anew.
    generation: Annotated[int, Field(ge=1, strict=True)] = 1
    broker: BrokerSettings = BrokerSettings()
    results: ResultsSettings
    web: WebSettings = WebSettings()
    workers: dict[str, ProcessSettings] = {}
    beat: bool = True
    consumer: bool = True
    flower: FlowerSettings = FlowerSettings()
    # More environment variables of the app.
    environment: dict[str, str] = {}


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


CURES = {
    "results": "results need a store that all processes reach: pulumi config set --secret --path results.url rediss://…",
}


def _complaint(detail: Any) -> str:
    where = ".".join(str(step) for step in detail["loc"])
    message = {
        "extra_forbidden": "not a setting Warren knows; remove it or correct its spelling "
        f"(pulumi config rm --path '{where}')",
        "missing": CURES.get(where, "missing"),
    }.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    return f"{PROJECT}:{where}: {message}"


if __name__ == "__main__":
    print(json.dumps(Settings.model_json_schema(by_alias=True), indent=2))
