"""A new release of an app, with as little gap as the foundation can do, and the old one again when it fails.

Foundations differ. What is asked for, in this order, each step said aloud:

1. a deployment with strategy `rolling`, replacing so many instances at a time
2. the same without that number (foundations before its day)
3. a deployment without a strategy (Korifi, which rolls in its own way)
4. without deployments: the droplet is set, the app stopped and started, with a gap

Only `web` instances roll; a foundation starts those of other types anew when the others are done. Workers may go at any
time: what they had in hand is delivered again.

Back, when the new release crashes or does not come up in time:

1. the deployment is cancelled
2. where it cannot be: the droplet from before is deployed again, in the order above

Restarting instances one after another takes no new release, for the foundation starts again what was running;
`restart_in_batches` is for restarting the same release.
"""

from collections.abc import Callable, Iterator
from typing import Any

from loadtests.cloudfoundry.client import jobs, optional
from loadtests.cloudfoundry.client.apps import Apps
from loadtests.cloudfoundry.client.errors import ApiError, Crashed, FoundationError, RolloutFailed, TimedOut
from loadtests.cloudfoundry.client.generation import Generation
from loadtests.cloudfoundry.client.instances import Instances, Watch
from loadtests.cloudfoundry.client.pages import parse
from loadtests.cloudfoundry.client.processes import Processes
from loadtests.cloudfoundry.client.resources import Deployment
from loadtests.cloudfoundry.client.services import to
from loadtests.cloudfoundry.client.staging import Staging
from loadtests.cloudfoundry.client.transport import Transport

OPTIONAL = {
    "options.max_in_flight": "it replaces as many instances at a time as it likes",
    "options": "it replaces as many instances at a time as it likes",
    "strategy": "it replaces instances in its own way",
}
ACTIVE = "ACTIVE"
RESOURCE_NOT_FOUND = 10010  # as against a call that is not known


class Rollout:
    def __init__(
        self, transport: Transport, apps: Apps, processes: Processes, staging: Staging, instances: Instances
    ) -> None:
        self._transport, self._apps, self._processes = transport, apps, processes
        self._staging, self._instances = staging, instances

    def release(
        self,
        app: str,
        droplet: str,
        *,
        at_a_time: int = 1,
        within: float | None = None,
        back: bool = True,
        restore: Callable[[], object] = lambda: None,
    ) -> Deployment | None:
        """Until all instances are of that droplet and run. None: without a deployment, so with a gap.

        Changed environment, bindings and sizes take effect, too. Raises RolloutFailed, after rolling back when `back`;
        `restore` is called before that, to undo what of those had changed.
        """
        current = self._staging.current(app)
        before = current.guid if current else None
        old = self._instances.generation(app)
        deployment = self.deploy(app, droplet, at_a_time)
        try:
            self._follow(app, deployment, old, within)
        except (Crashed, TimedOut, RolloutFailed) as error:
            text = f"the new release did not come up: {error}"
            if not back or not before:
                raise RolloutFailed(text, rolled_back=False) from error
            try:
                restore()
                self.undo(app, deployment, before, within)
            except FoundationError as also:
                raise RolloutFailed(f"{text}\nNor could the one before be brought back: {also}", False) from error
            raise RolloutFailed(f"{text}\nThe release from before runs again.", rolled_back=True) from error
        return deployment

    def deploy(self, app: str, droplet: str, at_a_time: int = 1) -> Deployment | None:
        """Begin it, as this foundation can. None: it has no deployments, and the app was stopped and started."""
        body = {
            "droplet": {"guid": droplet},
            "strategy": "rolling",
            "options": {"max_in_flight": at_a_time},
            "relationships": {"app": to(app)},
        }
        try:
            return optional.ask(self._created, body, OPTIONAL, self._transport.say)
        except ApiError as error:
            if error.status != 404 or error.has(RESOURCE_NOT_FOUND):
                raise
            self._transport.say("this foundation has no deployments: the app is stopped and started, with a gap")
        self._staging.choose(app, droplet)
        self._apps.restart(app)
        return None

    def undo(self, app: str, deployment: Deployment | None, before: str, within: float | None = None) -> None:
        """Bring the droplet from before back. Returns when its instances run."""
        if deployment and self._cancelled(deployment.guid):
            self._end(deployment.guid, within)
            self._instances.wait(app, within)
            return
        old = self._instances.generation(app)
        self._follow(app, self.deploy(app, before), old, within)

    def restart_in_batches(
        self, app: str, at_a_time: int = 1, within: float | None = None
    ) -> Iterator[tuple[str, int]]:
        """End instances, so many at a time, and wait for others in their place; yields each (process type, index)."""
        for process in self._processes.of_app(app):
            for first in range(0, process.instances, at_a_time):
                batch = range(first, min(first + at_a_time, process.instances))
                seen = self._processes.stats(process.guid)
                old = Generation((process.guid, each) for each in seen if each.index in batch)
                for index in batch:
                    self._processes.end_instance(process.guid, index)
                self._replaced(app, old, self._instances.watch(app, old), within)
                yield from ((process.type, index) for index in batch)

    def get(self, deployment: str) -> Deployment:
        return parse(Deployment, self._transport.get(f"/v3/deployments/{deployment}"))

    def _created(self, body: dict[str, Any]) -> Deployment:
        return parse(Deployment, self._transport.send("POST", "/v3/deployments", body))

    def _follow(self, app: str, deployment: Deployment | None, old: Generation, within: float | None) -> None:
        watch = self._instances.watch(app, old)
        if deployment:
            found = self._end(deployment.guid, within, watch.look)
            if found.status.reason not in ("", "DEPLOYED"):
                raise RolloutFailed(f"the foundation ended it: {found.status.reason}", rolled_back=False)
        self._replaced(app, old, watch, within)

    def _replaced(self, app: str, old: Generation, watch: Watch, within: float | None) -> None:
        """Wait for others in the place of the old ones; where these have no names, look on for a while."""
        patience = self._transport.patience
        self._instances.wait(app, within, watch=watch, steady=patience.steady if old.named else patience.settled)

    def _end(self, deployment: str, within: float | None, look: Callable[[], object] = lambda: None) -> Deployment:
        def get() -> Deployment:
            look()
            return self.get(deployment)

        patience = self._transport.patience
        return jobs.until(
            get,
            lambda found: found.status.value != ACTIVE,
            patience,
            within or patience.ready,
            "the deployment",
        )

    def _cancelled(self, deployment: str) -> bool:
        try:
            self._transport.request("POST", f"/v3/deployments/{deployment}/actions/cancel", safe=True)
        except ApiError as error:
            if error.status not in (404, 422):
                raise
            self._transport.say("the deployment cannot be cancelled here: the release from before is deployed again")
            return False
        return True
