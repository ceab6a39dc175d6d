"""Whether an app's instances really run: what a foundation says of its own doings is not enough.

A deployment may be called finished while instances are still replaced, and an app that crashes looks like one that is
slow to start. So the instances themselves are looked at, and the first crash is told at once, with the last lines.
"""

import time
from collections.abc import Callable, Collection

from loadtests.cloudfoundry.client import jobs
from loadtests.cloudfoundry.client.errors import Crashed, TimedOut
from loadtests.cloudfoundry.client.generation import Generation
from loadtests.cloudfoundry.client.logs import Logs
from loadtests.cloudfoundry.client.processes import Processes
from loadtests.cloudfoundry.client.resources import Instance, Process
from loadtests.cloudfoundry.client.transport import Transport


class Watch:
    """Looks again and again at one app's instances. `old`: those that are to be replaced. `kinds`: only processes of
    these types; None: all."""

    def __init__(
        self,
        app: str,
        processes: Processes,
        logs: Logs,
        say: Callable[[str], None],
        crash_patience: float,
        old: Generation | None = None,
        kinds: Collection[str] | None = None,
    ) -> None:
        self._app, self._processes, self._logs, self._say = app, processes, logs, say
        self._patience, self._kinds, self._old = crash_patience, kinds, old or Generation()
        self._crashed: dict[str, float] = {}
        self.states = ""

    @property
    def has_crashed(self) -> bool:
        return bool(self._crashed)

    def look(self) -> bool:
        """Whether all wanted instances run now, and none from before does. Raises Crashed."""
        all_run, states = True, []
        for process in self._processes.of_app(self._app):
            if self._kinds is not None and process.type not in self._kinds:
                continue
            instances = self._processes.stats(process.guid) if process.instances else []
            states += [f"{process.type}/{each.index} {each.state}" for each in instances]
            innocent = [each for each in instances if not self._old.is_to_blame(process.guid, each)]
            crashed = [each for each in innocent if each.state == "CRASHED"]
            if crashed:
                self._judge(process, crashed[0])
            replaced = not any(self._old.has(process.guid, each) for each in instances)
            all_run = all_run and replaced and _runs(process, instances)
        self.states = ", ".join(states) or "no instances"
        return all_run

    def _judge(self, process: Process, first: Instance) -> None:
        what = f"{process.type}/{first.index}"
        if process.guid not in self._crashed:
            self._crashed[process.guid] = time.monotonic()
            self._say(f"{what} crashed{f' ({first.details})' if first.details else ''}; waiting whether it comes back")
        if time.monotonic() - self._crashed[process.guid] >= self._patience:
            # Who keeps logs by process says which; who does not tells of all the app's.
            log = self._logs.last(self._app, source=f"APP/PROC/{process.type.upper()}") or self._logs.last(self._app)
            raise Crashed(what, first.details or "", log)


class Instances:
    def __init__(self, transport: Transport, processes: Processes, logs: Logs) -> None:
        self._transport, self._processes, self._logs = transport, processes, logs

    def generation(self, app: str, kinds: Collection[str] | None = None) -> Generation:
        """The instances that there are now, all of which are to be replaced. `kinds`: of processes of these types."""
        found = [each for each in self._processes.of_app(app) if each.instances]
        processes = [each for each in found if kinds is None or each.type in kinds]
        return Generation((process.guid, each) for process in processes for each in self._processes.stats(process.guid))

    def watch(self, app: str, old: Generation | None = None, kinds: Collection[str] | None = None) -> Watch:
        transport = self._transport
        return Watch(app, self._processes, self._logs, transport.say, transport.patience.crash, old, kinds)

    def wait(
        self,
        app: str,
        within: float | None = None,
        *,
        watch: Watch | None = None,
        steady: float | None = None,
    ) -> None:
        """Until all run, and have done so for `steady` seconds. Raises Crashed, or TimedOut with the last states."""
        patience, watch = self._transport.patience, watch or self.watch(app)
        within, steady = within or patience.ready, patience.steady if steady is None else steady
        since: float | None = None
        try:
            for passed in jobs.looks(patience, within, "starting instances"):
                if not watch.look():
                    since = None
                    continue
                since = passed if since is None else since
                if passed - since >= (max(steady, patience.steady_after_crash) if watch.has_crashed else steady):
                    return
        except TimedOut as error:
            log = "".join(f"\n  {line.text}" for line in self._logs.last(app))
            raise TimedOut(f"{error}: {watch.states}{log}") from error


def _runs(process: Process, instances: list[Instance]) -> bool:
    """As many as are wanted, and no others: those on their way out belong to what was before."""
    up = [each.index for each in instances if each.state == "RUNNING" and each.routable is not False]
    return sorted(up) == list(range(process.instances)) and len(instances) == len(up)
