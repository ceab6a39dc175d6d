"""An app's processes: how many instances, of what size, judged how; and each instance as it is now."""

from collections.abc import Mapping
from typing import Any

from loadtests.cloudfoundry.client import jobs, optional
from loadtests.cloudfoundry.client.pages import every, parse
from loadtests.cloudfoundry.client.resources import Instance, Process
from loadtests.cloudfoundry.client.transport import Transport

# Not known everywhere, and what it means to go without.
UPDATE = {
    "readiness_health_check": "an instance that is busy or cut off still gets requests",
    "health_check.data.interval": "it checks as often as it likes",
    "health_check.data.invocation_timeout": "a check may take as long as it likes there",
}
SCALE = {"log_rate_limit_in_bytes_per_second": "it limits logs as it likes"}


class Processes:
    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def of_app(self, app: str) -> list[Process]:
        """In order of their types, for foundations answer in any. During a roll-out a type is there twice."""
        found = every(self._transport, f"/v3/apps/{app}/processes", Process)
        # That list may hide the command; so does any list.
        return sorted(found, key=lambda each: (each.type, each.guid))

    def get(self, app: str, kind: str) -> Process:
        """By its type: web, worker, …, with its command."""
        return parse(Process, self._transport.get(f"/v3/apps/{app}/processes/{kind}"))

    def update(self, process: str, changes: Mapping[str, Any]) -> Process:
        """`changes`: command, health_check, readiness_health_check, metadata; what is unknown is left out and said."""
        path = f"/v3/processes/{process}"
        return optional.ask(
            lambda body: parse(Process, self._transport.send("PATCH", path, body)),
            dict(changes),
            UPDATE,
            self._transport.say,
        )

    def scale(self, process: str, **to: int) -> Process:
        """`to`: instances, memory_in_mb, disk_in_mb, log_rate_limit_in_bytes_per_second. Instances follow at once, the
        rest with the next start."""
        path = f"/v3/processes/{process}/actions/scale"
        return optional.ask(
            lambda body: parse(Process, self._transport.send("POST", path, body, safe=True)),
            dict(to),
            SCALE,
            self._transport.say,
        )

    def stats(self, process: str) -> list[Instance]:
        found = self._transport.get(f"/v3/processes/{process}/stats").get("resources") or []
        return sorted((parse(Instance, each) for each in found), key=lambda each: each.index)

    def end_instance(self, process: str, index: int) -> bool:
        """Stop one instance; the foundation starts another in its place, of the release that runs."""
        return jobs.remove(self._transport, f"/v3/processes/{process}/instances/{index}")
