"""`pulumi up`: Celery on RabbitMQ in a space of a Cloud Foundry. What may be set: settings.py; how to use it:
docs/cloudfoundry.md."""

import json
import os
from pathlib import Path

import program
import pulumi
from pulumi.runtime.config import CONFIG
from settings import ConfigError, read

from app.contract import ContractError, load_overlaid
from loadtests.cloudfoundry.client import login
from loadtests.cloudfoundry.client.errors import FoundationError


def main() -> None:
    """Read, judge, look, and only then declare anything."""
    settings = read({**json.loads(os.environ.get("PULUMI_CONFIG", "{}")), **CONFIG.get()})
    contract, text = load_overlaid(Path(__file__).parent / settings.stack_file, settings.contract)
    where = {"CF_ORG": settings.organization, "CF_SPACE": settings.space}
    os.environ |= {name: value for name, value in where.items() if value}
    client = login.connect(say=pulumi.log.warn)
    program.deploy(settings, contract, text, program.look(client, settings), pulumi.get_stack())


try:
    main()
except (ConfigError, ContractError, FoundationError) as error:
    # A message, not a traceback: it says what to change.
    raise pulumi.RunError(str(error)) from None
