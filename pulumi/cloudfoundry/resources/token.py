"""The front end's token, made once and kept encrypted in the stack's state."""

import secrets
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

LENGTH = 32


class TokenProvider(ResourceProvider):
    # Nothing secret is in the code that Pulumi stores.
    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        return CreateResult(secrets.token_hex(8), {**props, "value": secrets.token_urlsafe(LENGTH)[:LENGTH]})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        changed = _olds.get("generation") != _news.get("generation")
        return DiffResult(changes=changed, replaces=["generation"] if changed else [])


class Token(Resource, module="warren", name="Token"):
    """32 random letters, digits, - and _. Another one for each `generation`."""

    value: pulumi.Output[str]

    def __init__(self, name: str, generation: int) -> None:
        own = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(TokenProvider(), name, {"generation": generation, "value": None}, own)
