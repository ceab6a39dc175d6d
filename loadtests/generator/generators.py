"""On Locust's master: which workers send a run, what they saw of it, and which of them were lost on the way.

Workers may be on other machines. What they see comes here in whole lines of part files, at least every half second, so
that a worker that dies takes little with it, and nothing needs to be fetched from anywhere.
"""

import logging
import time
from pathlib import Path
from typing import Any

from locust.runners import STATE_MISSING, MasterRunner

from loadtests.generator.parts import KINDS, Part

log = logging.getLogger("warren")

# Messages between master and workers, beyond Locust's own.
HALT, HALTED, PLAN_ENDED, LINES = "warren-halt", "warren-halted", "warren-plan-ended", "warren-lines"


class Generators:
    """The workers of one run. `folder`: where their lines are written; None: nowhere. `started`: epoch seconds."""

    def __init__(self, runner: MasterRunner, run: str, folder: Path | None, started: float) -> None:
        self._runner, self._run, self._folder, self._started = runner, run, folder, started
        self.ids = sorted(client.id for client in runner.clients.ready)
        self.unknown: set[str] = set()
        self._accepted: dict[str, int] = {}
        self._sent: dict[str, int] = dict.fromkeys(self.ids, 0)
        self._heard: dict[str, float] = dict.fromkeys(self.ids, started)
        self._ended: set[str] = set()
        self._halted: set[str] = set()
        self._said: set[str] = set()
        self._parts: dict[tuple[str, str], Part] = {}

    @property
    def accepted(self) -> int:
        """Tasks that were accepted, as far as workers told."""
        return sum(self._accepted.values())

    def told(self, worker: str, message: str, data: dict[str, Any]) -> None:
        """Take a worker's message. One that came after the start, or lines of an earlier run, are left out."""
        if worker not in self._sent:
            return
        if message == PLAN_ENDED:
            self._ended.add(worker)
        elif message == HALTED:
            self._halted.add(worker)
            self._accepted[worker] = data["accepted"]
            self.unknown.update(data["unknown"])
        elif message == LINES and data["run"] == self._run and data["kind"] in KINDS and self._folder:
            self._keep(self._folder, worker, data)

    def _keep(self, folder: Path, worker: str, data: dict[str, Any]) -> None:
        kind = data["kind"]
        self._heard[worker] = time.time()
        self._accepted[worker] = data["accepted"]
        if kind == "sends":
            self._sent[worker] += data["data"].count(b"\n")
        if (worker, kind) not in self._parts:
            self._parts[worker, kind] = Part(folder, kind, who=worker.replace("/", "-"))
        self._parts[worker, kind].append(data["data"])

    def close(self) -> None:
        """Nothing more of this run is taken."""
        for part in self._parts.values():
            part.close()
        self._folder = None

    def look(self) -> None:
        """Say which worker was lost since the last look."""
        for worker in self._gone() - self._said - self._halted:
            self._said.add(worker)
            log.error(
                "generator %s is lost: the rest of its share of the plan is not sent, the run is not valid", worker
            )

    def at_the_end(self) -> bool:
        """Whether all that are left came to the end of their shares."""
        return set(self.ids) - self._gone() <= self._ended

    def all_halted(self) -> bool:
        """Whether all that are left have sent their last."""
        return set(self.ids) - self._gone() <= self._halted

    def lost(self) -> list[dict[str, Any]]:
        """Those that did not come to their end: {"generator", "sent" tasks, "after" seconds, "of" how many shares}."""
        return [
            {
                "generator": worker,
                "sent": self._sent[worker],
                "after": round(self._heard[worker] - self._started, 1),
                "of": len(self.ids),
            }
            for worker in self.ids
            # One that was given up and came back counts only if it sent all of its share.
            if worker not in self._halted or (worker in self._said and worker not in self._ended)
        ]

    def _gone(self) -> set[str]:
        """Locust takes a worker for missing when no heartbeat came for some seconds, or it said that it quits."""
        there = {client.id for client in self._runner.clients.all if client.state != STATE_MISSING}
        return set(self.ids) - there
