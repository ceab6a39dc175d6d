"""`pulumi up`: Celery on RabbitMQ in a namespace of its own. What may be set: components/settings.py; how to
use it: docs/kubernetes.md."""

import json
import os
from pathlib import Path

import contract
import preflight
import program
import pulumi
from components.settings import ConfigError, read
from pulumi.runtime.config import CONFIG


def main() -> None:
    """Read, judge, look, and only then declare anything."""
    flat = {**json.loads(os.environ.get("PULUMI_CONFIG", "{}")), **CONFIG.get()}
    wanted = read(flat)
    judged = contract.load(wanted, Path(__file__).parent)
    kubernetes = {
        key.removeprefix("kubernetes:"): value for key, value in flat.items() if key.startswith("kubernetes:")
    }
    cluster = preflight.look(wanted, kubernetes)
    instance = pulumi.get_stack()
    preflight.judge(wanted, cluster, instance)
    program.deploy(wanted, judged, cluster, instance)


try:
    main()
except ConfigError as error:
    # A message, not a traceback: it says what to change.
    raise pulumi.RunError(str(error)) from None
