"""Runs made by hand: written with the generator's own part files, so that analysis reads what it reads in earnest."""

import json
from pathlib import Path
from typing import Any

from loadtests.generator import parts

START = 1_800_000_000.0


class MadeRun:
    """A results folder with one phase. Instants are seconds since its start; a task's default life is 1 ms a stage."""

    def __init__(self, results: Path, phase: str = "run", ended: bool = True, **meta: Any) -> None:
        self.results, self.folder = results, parts.folder(results, phase)
        self._parts = {kind: parts.Part(self.folder, kind) for kind in parts.KINDS}
        about = {"run": "made", "phase": phase, "scenario": "noop", "rate": 100.0, "arrivals": "constant", "seed": 1}
        about |= {"warmup": 0.0, "started": START, "ended": START + 60 if ended else None} | meta
        (self.folder / "phase.json").write_text(json.dumps(about))

    def send(self, task_id: str, at: float = 0.0, **changes: Any) -> None:
        line = {"id": task_id, "task": "noop", "scheduled": at, "free": at, "sent": at + 0.001, "answered": at + 0.004}
        line |= {"status": 202, "outcome": "accepted", "published": at + 0.002, "confirmed": at + 0.003}
        self._write("sends", line | changes)

    def record(self, task_id: str, at: float = 0.0, **changes: Any) -> None:
        line = {"id": task_id, "run": "made", "task": "noop", "queue": "fast", "scheduled": at, "received": at + 0.004}
        line |= {"started": at + 0.005, "finished": at + 0.006, "known": at + 0.1, "state": "success"}
        line |= {"worker": "fast-0@here", "attempt": 1, "redelivered": False}
        self._write("records", line | changes)

    def dead(self, task_id: str, reason: str = "rejected") -> None:
        self._write(
            "dead", {"id": task_id, "task": "noop", "queue": "fast", "reason": reason, "count": 1, "time": START}
        )

    def generator(self, at: float, cpu: float, **more: Any) -> None:
        self._write("self", {"ts": at, "pid": 1, "host": "here", "cpu": cpu, "rss": 1, "in_flight": 1} | more)

    def depth(self, at: float, messages: int, queue: str = "fast") -> None:
        self._write("queues", {"ts": at, "name": queue, "messages": messages, "consumers": 1})

    def tasks(self, count: int, rate: float = 100.0, **changes: Any) -> None:
        """`count` ordinary tasks, sent and done."""
        for number in range(count):
            self.send(f"t{number}", number / rate, **changes)
            self.record(f"t{number}", number / rate)

    def close(self) -> Path:
        for part in self._parts.values():
            part.close()
        return self.results

    def _write(self, kind: str, line: dict[str, Any]) -> None:
        instants = (
            "scheduled",
            "free",
            "sent",
            "answered",
            "published",
            "confirmed",
            "received",
            "started",
            "finished",
        )
        for name in (*instants, "known", "ts"):
            if line.get(name) is not None:
                line[name] += START
        self._parts[kind].write(line)
