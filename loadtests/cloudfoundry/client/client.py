"""One foundation, as one user sees it: all that the parts of this package can do, put together."""

from collections.abc import Callable
from functools import cached_property

from loadtests.cloudfoundry.client.apps import Apps
from loadtests.cloudfoundry.client.auth import Auth
from loadtests.cloudfoundry.client.errors import LoginError
from loadtests.cloudfoundry.client.instances import Instances
from loadtests.cloudfoundry.client.logs import Logs
from loadtests.cloudfoundry.client.patience import Patience
from loadtests.cloudfoundry.client.processes import Processes
from loadtests.cloudfoundry.client.resources import Space
from loadtests.cloudfoundry.client.rollout import Rollout
from loadtests.cloudfoundry.client.routes import Routes
from loadtests.cloudfoundry.client.services import Services
from loadtests.cloudfoundry.client.spaces import Spaces
from loadtests.cloudfoundry.client.staging import Staging
from loadtests.cloudfoundry.client.transport import Transport


class Client:
    """`say` is told of each retry and of everything that this foundation cannot do and what was done instead.

    `verify`: whether to check certificates, or the file of the CA to check them by. `organization` and `space`: names
    of where to work, for `here`. All calls raise FoundationError.
    """

    def __init__(
        self,
        api: str,
        auth: Auth,
        verify: bool | str = True,
        patience: Patience | None = None,
        say: Callable[[str], None] = lambda text: None,
        organization: str = "",
        space: str = "",
    ) -> None:
        self.transport = Transport(api, auth, verify, patience, say)
        self.organization, self.space = organization, space
        self.spaces = Spaces(self.transport)
        self.apps = Apps(self.transport)
        self.processes = Processes(self.transport)
        self.routes = Routes(self.transport)
        self.services = Services(self.transport)
        self.logs = Logs(self.transport)
        self.staging = Staging(self.transport, self.logs)
        self.instances = Instances(self.transport, self.processes, self.logs)
        self.rollout = Rollout(self.transport, self.apps, self.processes, self.staging, self.instances)

    @cached_property
    def here(self) -> Space:
        """The space to work in. Raises LoginError when nobody said which, NotThere when it is not there."""
        if not self.organization or not self.space:
            raise LoginError("which space? cf target -o ORG -s SPACE, or set CF_ORG and CF_SPACE")
        return self.spaces.get(self.organization, self.space)
