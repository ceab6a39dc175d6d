"""The service and its plans, from a YAML file."""

import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.settings import SettingsError

SHIPPED = Path(__file__).with_name("plans.yml")
# They are typed in commands: `cf create-service rabbitmq small …`.
_TYPED = re.compile(r"[a-z0-9][a-z0-9.-]*")


def _typable(name: str) -> str:
    if not _TYPED.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a command line; use a-z, 0-9, '.' and '-'")
    return name


Name = Annotated[str, AfterValidator(_typable)]
Id = Annotated[str, Field(min_length=1, max_length=100)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plan(_Strict):
    """What one instance may have. A limit of None: as many as the broker can take."""

    id: Id
    name: Name
    description: str = Field(min_length=1)
    queue_type: Literal["quorum", "classic", "stream"] = "quorum"
    max_connections: int | None = Field(None, ge=1)
    max_queues: int | None = Field(None, ge=1)
    free: bool = True

    @property
    def limits(self) -> dict[str, int]:
        """As RabbitMQ names and counts them: -1 lifts a limit."""
        wanted = {"max-connections": self.max_connections, "max-queues": self.max_queues}
        return {name: -1 if value is None else value for name, value in wanted.items()}

    @property
    def bullets(self) -> list[str]:
        """For people who choose a plan."""
        counts = (("connections", self.max_connections), ("queues", self.max_queues))
        return [f"{value or 'any number of'} {what}" for what, value in counts] + [f"{self.queue_type} queues"]


class Offer(_Strict):
    """The service as the catalog shows it."""

    id: Id
    name: Name
    description: str = Field(min_length=1)


class Offering(_Strict):
    """The whole file."""

    service: Offer
    plans: Sequence[Plan] = Field(min_length=1)

    @model_validator(mode="after")
    def _told_apart(self) -> "Offering":
        for what in ("id", "name"):
            values = [getattr(plan, what) for plan in self.plans]
            if doubled := {value for value in values if values.count(value) > 1}:
                raise ValueError(f"two plans have the {what} {', '.join(sorted(doubled))}")
        return self

    @cached_property
    def by_id(self) -> dict[str, Plan]:
        return {plan.id: plan for plan in self.plans}


def load_offering(path: Path) -> Offering:
    """The file at `path`. Raises SettingsError that says what in it is wrong."""
    try:
        return Offering.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        where = "; ".join(
            f"{'.'.join(map(str, e['loc'])) or 'the file'}: {e['msg']}" for e in error.errors(include_url=False)
        )
        raise SettingsError(f"WARREN_MARKETPLACE_PLANS: {path}: {where}") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"WARREN_MARKETPLACE_PLANS: {path}: {error}") from error
