"""What Pulumi's program costs on a foundation, next to the calls it makes; and the stack there, next to a local one.

    make foundation-up && python -m benchmarks.cloudfoundry_stack     as root, on the foundation that is up
    python -m benchmarks.cloudfoundry_stack --only pulumi|throughput

`pulumi up` until the route serves against the same calls in a row without Pulumi; a second `up` against the preview;
the highest rate of `warren bench --short` here and there.
"""

import argparse
import importlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from benchmarks.kubernetes_stack import opened, timed
from benchmarks.next_to_local import next_to_local
from loadtests.cloudfoundry.client.client import Client
from tests.cloudfoundry.pulumi_stack import Stack
from tests.cloudfoundry_proofs.site import Foundation
from tests.cluster.commands import Commands
from tests.cluster.state import DEFAULT_FOLDER
from tests.foundation.names import DOMAIN

NAME = "benchmark"
PATIENCE = 120
# The program's own modules, which are not of a package.
sys.path.insert(0, str(Stack.program))
release = importlib.import_module("release")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=["pulumi", "throughput"], help="one half of it")
    only = parser.parse_args().only
    foundation = Foundation(Commands(DEFAULT_FOLDER), DEFAULT_FOLDER)
    os.environ |= foundation.environment  # for `warren bench`
    url = foundation.publish(f"{NAME}.{DOMAIN}")
    config = {
        "app": NAME,
        "broker": {"service": f"{NAME}-rabbitmq", "offering": "rabbitmq", "plan": "small"},
        "results": {"url": foundation.results_url},
    }
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), NAME, foundation.environment, config)
        try:
            if only != "throughput":
                pulumi(stack, foundation.client, url)
            if only != "pulumi":
                stack.run("up", "--yes")
                next_to_local(["--target", "cloudfoundry", "--app", NAME, "--url", url])
        finally:
            stack.run("destroy", "--yes")


def pulumi(stack: Stack, client: Client, url: str) -> None:
    """Times of Pulumi's commands and of the bare calls."""

    def up() -> None:
        stack.run("up", "--yes")
        serves(url)

    first = timed(up)
    again = timed(lambda: stack.run("up", "--yes", "--expect-no-changes"))
    preview = timed(lambda: stack.run("preview", "--expect-no-changes"))
    state = json.loads(stack.run("stack", "export", "--show-secrets"))
    resources = [each for each in state["deployment"]["resources"] if "inputs" in each]
    inputs = {each["urn"].rpartition("::")[2]: opened(each["inputs"]) for each in resources}
    stack.run("destroy", "--yes")
    made: list[Any] = []
    try:
        bare = timed(lambda: (by_hand(client, inputs, made), serves(url)))
    finally:
        for undo in reversed(made):
            undo()
    print(f"pulumi up until it serves {first:.1f} s, the same calls in a row {bare:.1f} s: {first / bare:.2f}")
    print(f"second up {again:.1f} s, preview {preview:.1f} s: {again / preview:.2f}")


def by_hand(client: Client, inputs: dict[str, Any], made: list[Any]) -> None:
    """What the program asks for, one after the other. `made`: what takes it away again."""
    service, app, route = inputs["broker"], inputs["app"], inputs["web-route"]
    plan = client.services.plan(service["offering"], service["plan"])
    broker = client.services.create(client.here.guid, service["name"], plan.guid).guid
    made.append(lambda: client.services.delete(broker))
    guid = client.apps.create(client.here.guid, app["name"], environment_variables=app["environment"]).guid
    made.append(lambda: client.apps.delete(guid))
    client.services.bind(guid, broker)
    commands = {kind: each["command"] for kind, each in app["processes"].items()}
    package = client.staging.upload(guid, release.pack(app["stack_text"], commands)[0])
    client.staging.choose(guid, client.staging.build(guid, package.guid).guid)
    for process in client.processes.of_app(guid):
        wanted = app["processes"][process.type]
        client.processes.update(process.guid, {"health_check": whole(wanted["health_check"])})
        client.processes.scale(process.guid, instances=int(wanted["instances"]), memory_in_mb=int(wanted["memory"]))
    client.apps.start(guid)
    client.instances.wait(guid)
    lead = client.routes.create(client.here.guid, route["domain"], route["host"]).guid
    made.append(lambda: client.routes.delete(lead))
    client.routes.lead(lead, guid)


def whole(value: Any) -> Any:
    """Pulumi keeps numbers as floats, and the API wants whole ones."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    return int(value) if isinstance(value, float) else value


def serves(url: str) -> None:
    """Until a request gets through to the front end."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if requests.get(f"{url}/healthz", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise SystemExit(f"{url} did not serve within {PATIENCE} s")


if __name__ == "__main__":
    main()
