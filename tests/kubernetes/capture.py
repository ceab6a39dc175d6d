"""Runs a Pulumi program with mocks in the engine's place and returns what it declared."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pulumi.runtime import mocks
from pulumi.runtime.stack import run_pulumi_func

PROGRAM = Path(__file__).parents[2] / "pulumi/kubernetes"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"
Manifest = dict[str, Any]


class Declared(mocks.Mocks):
    """Answers as an engine would after all went well, and keeps each manifest."""

    def __init__(self) -> None:
        self.manifests: list[Manifest] = []
        self.raw: list[tuple[str, str, dict[str, Any]]] = []

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        raise AssertionError(f"the program calls {args.token}, which needs the provider's plugin")

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        inputs = json.loads(json.dumps(args.inputs))
        self.raw.append((args.typ, args.name, inputs))
        if args.typ == "pulumi-python:dynamic/warren:Password":
            return args.name, {**inputs, "value": f"password of {args.name}"}
        if args.typ == "pulumi-python:dynamic/warren:Certificate":
            return args.name, {**inputs, "certificate": f"certificate {args.name}", "key": f"key {args.name}"}
        if not args.typ.startswith("kubernetes:"):
            return args.name, inputs
        manifest = opened(inputs)
        # As Pulumi does for what has no name of its own.
        manifest["metadata"].setdefault("name", f"{args.name}-{'0' * 8}")
        self.manifests.append(manifest)
        return args.name, manifest


def opened(value: Any) -> Any:
    """The value with every secret in it readable."""
    if isinstance(value, dict):
        return opened(value["value"]) if value.get(SIGNATURE) == SECRET else {k: opened(v) for k, v in value.items()}
    return [opened(each) for each in value] if isinstance(value, list) else value


def capture(program: Callable[[], None]) -> list[Manifest]:
    """Every Kubernetes manifest that the program declares. Raises what it raises."""
    return declared(program).manifests


def declared(program: Callable[[], None]) -> Declared:
    """The same with everything else it declares."""
    kept, loop = Declared(), asyncio.new_event_loop()
    asyncio.set_event_loop(loop)  # what is made from here on belongs to it
    mocks.set_mocks(kept, project="warren", stack="test", preview=False)
    try:
        loop.run_until_complete(run_pulumi_func(program))
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    return kept
