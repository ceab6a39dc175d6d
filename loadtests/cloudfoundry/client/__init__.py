"""A thin client of Cloud Foundry's v3 API: what the Pulumi program and the target `cloudfoundry` need, and no more.

login, cf_cli, auth   which foundation, as whom
transport, call       requests and what is repeated
answers               error answers, addresses
patience, errors      how long we wait; what goes wrong, in the foundation's words
pages, jobs           lists; what goes on in the background
optional              what not every foundation knows
spaces … services     the API's resources
instances             whether an app runs; `generation`: and of which instances
rollout               a new release, and back
"""

from loadtests.cloudfoundry.client.client import Client
from loadtests.cloudfoundry.client.errors import FoundationError
from loadtests.cloudfoundry.client.login import connect

__all__ = ["Client", "FoundationError", "connect"]
