"""What the providers share: the way to the foundation, and how our own things are told from those of others."""

from typing import Any

import pulumi

from loadtests.cloudfoundry.client import login
from loadtests.cloudfoundry.client.client import Client
from loadtests.cloudfoundry.client.errors import FoundationError

# Labels: whose a thing is, and which release an app runs.
STACK, RELEASE = "warren-stack", "warren-release"


class Taken(FoundationError):
    """Something of that name is there and is not ours."""


def connect() -> Client:
    """By the login of whoever runs Pulumi. What a foundation cannot do is told as a warning."""
    return login.connect(say=pulumi.log.warn)


def labels(stack: str, **more: str) -> dict[str, Any]:
    return {"labels": {STACK: stack, **more}}


def is_ours(found: Any, stack: str) -> bool:
    return bool(found.metadata.labels.get(STACK) == stack)


def must_be_ours(what: str, found: Any, stack: str, cure: str) -> None:
    """Raises Taken."""
    owner = found.metadata.labels.get(STACK)
    if not is_ours(found, stack):
        whose = f"belongs to the stack {owner!r}" if owner else "was not made by Warren"
        raise Taken(f"{what} exists and {whose}: it is left alone. {cure}")


def changed(olds: dict[str, Any], news: dict[str, Any], keys: tuple[str, ...]) -> list[str]:
    return [key for key in keys if olds.get(key) != news.get(key)]
