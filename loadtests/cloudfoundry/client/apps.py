"""Apps: their existence, environment, features and state; their tasks."""

from collections.abc import Mapping
from typing import Any

from loadtests.cloudfoundry.client import jobs
from loadtests.cloudfoundry.client.errors import ApiError, Unreachable
from loadtests.cloudfoundry.client.pages import by_name, every, parse
from loadtests.cloudfoundry.client.resources import App, Revision, Task
from loadtests.cloudfoundry.client.services import to
from loadtests.cloudfoundry.client.transport import Transport

# Seconds. Korifi answers a stop when all instances have ended, as long as that may take.
STOP = 300.0
TASK_ENDED = ("SUCCEEDED", "FAILED")


class Apps:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def find(self, space: str, name: str) -> App | None:
        return by_name(self._transport, "/v3/apps", App, name, space_guids=space)

    def every(self, space: str, labels: str | None = None) -> list[App]:
        """`labels`: a selector, such as `warren.stack=production`."""
        return every(self._transport, "/v3/apps", App, space_guids=space, label_selector=labels)

    def get(self, app: str) -> App:
        return parse(App, self._transport.get(f"/v3/apps/{app}"))

    def create(self, space: str, name: str, lifecycle: Mapping[str, Any] | None = None, **more: Any) -> App:
        """`more`: environment_variables, metadata."""
        body = {"name": name, "relationships": {"space": to(space)}, **more}
        return parse(
            App, self._transport.send("POST", "/v3/apps", body | ({"lifecycle": dict(lifecycle)} if lifecycle else {}))
        )

    def update(self, app: str, **changes: Any) -> App:
        """`changes`: name, lifecycle, metadata."""
        return parse(App, self._transport.send("PATCH", f"/v3/apps/{app}", changes))

    def delete(self, app: str, within: float = jobs.JOB) -> bool:
        """With its processes, packages and bindings; routes stay. False when it was not there."""
        return jobs.remove(self._transport, f"/v3/apps/{app}", within)

    def environment(self, app: str) -> dict[str, str]:
        found: dict[str, str] = self._transport.get(f"/v3/apps/{app}/environment_variables").get("var") or {}
        return found

    def set_environment(self, app: str, changes: Mapping[str, str | None]) -> None:
        """What is None is unset; what is not named stays. Seen by instances that start afterwards."""
        if changes:
            self._transport.send("PATCH", f"/v3/apps/{app}/environment_variables", {"var": dict(changes)})

    def set_feature(self, app: str, name: str, enabled: bool) -> bool:
        """Such as `ssh`, `revisions`, `file-based-vcap-services`. False when this foundation does not have it."""
        try:
            self._transport.send("PATCH", f"/v3/apps/{app}/features/{name}", {"enabled": enabled})
        except ApiError as error:
            if error.status != 404:
                raise
            self._transport.say(f"this foundation has no app feature {name!r}: left as it is")
            return False
        return True

    def revisions(self, app: str) -> list[Revision]:
        """Newest last; empty where the foundation keeps none."""
        try:
            return sorted(every(self._transport, f"/v3/apps/{app}/revisions", Revision), key=lambda each: each.version)
        except ApiError as error:
            if error.status == 404:
                return []
            raise

    def start(self, app: str) -> None:
        """Ask for it. Whether instances run is told by `instances.wait`."""
        try:
            read = self._transport.patience.start_answer
            self._transport.request("POST", f"/v3/apps/{app}/actions/start", safe=True, read=read)
        except Unreachable as error:
            if not error.sent:
                raise

    def stop(self, app: str, within: float = STOP) -> None:
        self._transport.request("POST", f"/v3/apps/{app}/actions/stop", safe=True, read=within)

    def restart(self, app: str, within: float = STOP) -> None:
        """Stopped, then started, with a gap. In two calls, for the API's own would go unanswered on Korifi, and a
        foundation that sees us leave in its middle may leave it there too."""
        self.stop(app, within)
        self.start(app)

    def run_task(self, app: str, command: str, name: str, within: float = jobs.JOB, **more: Any) -> Task:
        """A process that ends, with the app's droplet and environment; `more`: memory_in_mb, disk_in_mb."""
        body = {"command": command, "name": name, **more}
        task = parse(Task, self._transport.send("POST", f"/v3/apps/{app}/tasks", body))
        return jobs.until(
            lambda: parse(Task, self._transport.get(f"/v3/tasks/{task.guid}")),
            lambda task: task.state in TASK_ENDED,
            self._transport.patience,
            within,
            f"the task {name}",
        )
