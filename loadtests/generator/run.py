"""One load run in this process, from Locust's test start to its end.

A process sends (a worker, or Locust on its own), follows (the master, or Locust on its own), or both. The master alone
knows how many tasks all workers got accepted, so it is the one that waits for them.
"""

import logging
import time
from pathlib import Path
from typing import Any

import gevent
from locust.runners import MasterRunner, WorkerRunner

from loadtests import scenarios
from loadtests.generator import following, options, parts, replay, schedule
from loadtests.generator.broker import EventFollower
from loadtests.generator.follower import Follower, drain, until_quiet
from loadtests.generator.following import NotStarted
from loadtests.generator.front_end import FrontEnd
from loadtests.generator.generators import LINES, PLAN_ENDED, Generators
from loadtests.generator.meta import write_meta
from loadtests.generator.outcome import ACCEPTED, UNKNOWN
from loadtests.generator.pacing import Pacer
from loadtests.generator.run_id import new_run_id
from loadtests.generator.watch import watch_self

log = logging.getLogger("warren")

# Seconds: until the workers have the start message; for requests in flight at the end (a front end's limit is shorter).
LEAD, PATIENCE = 1.0, 12.0
FLUSH = 0.5
SILENT = 5.0


class LoadRun:
    """The state of one run in this process."""

    def __init__(self, environment: Any) -> None:
        self.environment: Any = environment
        self.options: Any = environment.parsed_options
        self.sends = not isinstance(environment.runner, MasterRunner)
        self.follows = not isinstance(environment.runner, WorkerRunner)
        if self.follows:
            self._name()
        self.run_id: str = self.options.run_id
        self.accepted = 0
        self.unknown: set[str] = set()
        self.stopping = False
        self.pacer: Pacer | None = None
        self.follower: Follower | EventFollower | None = None
        self.greenlets: list[gevent.Greenlet] = []
        self.folder = parts.folder(Path(self.options.results), self.options.phase) if self.options.results else None
        self.front = FrontEnd(environment.host or "", self.options.token, self.options.ca)
        self.generators: Generators | None = None

    def _name(self) -> None:
        """Names for this run, which workers get with the options. Locust's page may start one test after another."""
        o = self.options
        if not hasattr(o, "asked"):
            o.asked = (o.run_id, o.phase)
        run_id, phase = o.asked
        o.run_id, o.phase = run_id or new_run_id(), phase
        number = 1
        while o.results and (parts.folder(Path(o.results), o.phase) / "phase.json").exists():
            number += 1
            o.phase = f"{phase}-{number}"

    @property
    def measured(self) -> bool:
        return not self.options.unmeasured

    def start(self) -> None:
        """Begin. Raises NotStarted."""
        if self.follows:
            self._start_following()
        if self.sends:
            self._start_sending()

    def _start_following(self) -> None:
        runner: Any = self.environment.runner
        # Sent to the workers with the options: each finds its share of the plan by its place in this list.
        self.options.generators = []
        self.options.started = time.time() + (LEAD if not self.sends else 0.2)
        if isinstance(runner, MasterRunner):
            self.generators = Generators(runner, self.run_id, self.folder, self.options.started)
            self.options.generators = self.generators.ids
        self.follower = following.begin(self)
        if self.generators:
            self.spawn(self._watch_generators, self.generators)
        self._write_meta(ended=None)
        log.info("run %s%s", self.run_id, f", written to {self.options.results}" if self.folder else "")

    def _start_sending(self) -> None:
        runner: Any = self.environment.runner
        index, count = 0, 1
        if isinstance(runner, WorkerRunner):
            generators = self.options.generators
            if runner.client_id not in generators:
                raise NotStarted("this worker came after the start; its share is sent by the others")
            index, count = generators.index(runner.client_id), len(generators)
        self.pacer = Pacer(schedule.share(self._arrivals(), index, count), self.options.started)
        self.sent = self.part("sends")
        self.spawn(watch_self, self.part("self"), self.pacer)
        self.spawn(self._end_with_plan)

    def _arrivals(self) -> Any:
        o = self.options
        try:
            if o.replay:
                arrivals: Any = replay.read(Path(o.replay))
            else:
                given = options.arguments(o.args)
                one = (given, {}) if isinstance(given, list) else ([], given)
                scenario = scenarios.one_task(o.task, *one) if o.task else scenarios.load(o.scenario)
                target = scenarios.Target(self.environment.host or "", o.download_url or None)
                arrivals = schedule.plan(o.arrivals, float(o.rate), int(o.seed), scenario, target)
        except Exception as error:
            raise NotStarted(str(error)) from error
        return _first(arrivals, int(o.tasks))

    def part(self, kind: str) -> parts.Part:
        far = self.folder and not self.follows
        part = parts.FarPart(kind, self._send_lines) if far else parts.open_part(self.folder, kind)
        self.spawn(_flush, part)
        return part

    def _send_lines(self, kind: str, data: bytes) -> None:
        lines = {"run": self.run_id, "kind": kind, "data": data, "accepted": self.accepted}
        self.environment.runner.send_message(LINES, lines)

    def spawn(self, function: Any, *args: Any) -> None:
        self.greenlets.append(gevent.spawn(function, *args))

    def on_line(self, line: dict[str, Any]) -> None:
        """A send was answered, or cut off."""
        if line["outcome"] == ACCEPTED:
            self.accepted += 1
        elif line["outcome"] == UNKNOWN:
            self.unknown.add(line["id"])
        self.sent.write(line)

    def on_task(self, record: dict[str, Any]) -> None:
        """A task's whole life, in Locust's own tables: from when it was to be sent until it was done."""
        begun = record.get("scheduled") or record.get("received") or record["finished"]
        self.environment.events.request.fire(
            request_type="task",
            name=f"{record['task']} → done",
            response_time=max(0.0, record["finished"] - begun) * 1000,
            response_length=0,
            exception=None if record["state"] == "success" else TaskFailed(record["task"]),
            context={},
        )

    def _end_with_plan(self) -> None:
        """When the plan has an end and it is reached, the test ends."""
        assert self.pacer
        self.pacer.ended.wait()
        while self.pacer.in_hand:
            gevent.sleep(0.05)
        runner: Any = self.environment.runner
        if isinstance(runner, WorkerRunner):
            runner.send_message(PLAN_ENDED, {})
        else:
            self.end()

    def _watch_generators(self, generators: Generators) -> None:
        """On the master: say who is lost; the test ends when all others have come to the end of their shares."""
        while not generators.at_the_end():
            gevent.sleep(FLUSH)
            generators.look()
        self.end()

    def end(self) -> None:
        """End the test, as its user would."""
        runner = self.environment.runner
        if not self.stopping:
            gevent.spawn(runner.quit if self.options.headless else runner.stop)

    def _followed(self) -> bool:
        """Whether what became of the tasks is known. Workers that send no events leave it unknown."""
        if isinstance(self.follower, EventFollower):
            return self.follower.events > 0 or not self.accepted
        return self.follower is not None

    def halt(self) -> dict[str, Any]:
        """Send no more; wait for what is in flight. This process' counts."""
        self.stopping = True
        if self.pacer and not self.pacer.halted:
            if not self.pacer.halt(PATIENCE):
                log.warning("%d requests were not answered in time; their fate is unknown", self.pacer.in_flight)
            self.sent.flush()
        return {"accepted": self.accepted, "unknown": sorted(self.unknown)}

    def finish(self) -> None:
        """Follow what is still under way, then close the parts."""
        if self.follower:
            self.follower.stop()
            if self.generators:
                self.accepted += self.generators.accepted
                self.unknown |= self.generators.unknown
            self.follower.unknown = self.unknown
            patience = float(self.options.drain)
            # Workers that sent no event so far will not begin now.
            patience = patience if self._followed() else min(patience, SILENT)
            letters = drain(self.follower, self.accepted, patience, log.info)
            if self.generators and self.generators.lost():
                # What these got accepted last, nobody knows.
                letters = until_quiet(self.follower, min(patience, SILENT)) or letters
            part = self.part("dead")
            for letter in letters:
                part.write({key: letter.get(key) for key in ("id", "task", "queue", "reason", "count", "time")})
            part.flush()
        for greenlet in self.greenlets:
            greenlet.kill(block=True)
        if self.generators and self.generators.lost():
            self.environment.process_exit_code = 1
        if self.follows:
            self._write_meta(ended=time.time())

    def _write_meta(self, ended: float | None) -> None:
        if self.folder:
            followed = self._followed() if ended else self.follower is not None
            lost = self.generators.lost() if self.generators and ended else []
            write_meta(self.folder, self.environment, ended, followed, lost)


class TaskFailed(Exception):
    """How a failed task shows in Locust's table of failures."""


def _first(arrivals: Any, count: int) -> Any:
    return (a for a, _ in zip(arrivals, range(count), strict=False)) if count else iter(arrivals)


def _flush(part: parts.Part) -> None:
    try:
        while True:
            gevent.sleep(FLUSH)
            part.flush()
    finally:
        part.close()
