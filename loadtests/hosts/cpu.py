"""Processor time of each host and of its services, sampled while a phase runs."""

import contextlib
import json
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from loadtests.generator.parts import Part
from loadtests.hosts.inventory import Machine
from loadtests.hosts.remote import Remote

PROBE = Path(__file__).with_name("probe.py").read_text(encoding="utf-8")
REST = "rest"  # what a host uses beside its services of ours


class HostsSampler:
    """A context manager. A host that is lost meanwhile has no samples from then on."""

    def __init__(self, folder: Path, remote: Remote, machines: list[Machine]) -> None:
        self._part, self._lock = Part(folder, "cpu"), threading.Lock()
        self._remote, self._machines = remote, machines
        self._running: list[subprocess.Popen[str]] = []
        self._threads: list[threading.Thread] = []
        self._pids: dict[tuple[str, str], int] = {}

    def __enter__(self) -> "HostsSampler":
        for machine in self._machines:
            process = subprocess.Popen(
                self._remote.command(machine, "python3", "-u", "-"),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )  # fmt: skip
            assert process.stdin
            with contextlib.suppress(OSError), process.stdin as program:
                program.write(PROBE)
            thread = threading.Thread(target=self._follow, args=(machine.name, process), daemon=True)
            thread.start()
            self._running.append(process)
            self._threads.append(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running:
            process.terminate()
        for process, thread in zip(self._running, self._threads, strict=True):
            process.wait()
            thread.join()
        self._part.close()

    def _follow(self, host: str, process: "subprocess.Popen[str]") -> None:
        before: dict[str, Any] | None = None
        assert process.stdout
        for line in process.stdout:
            with contextlib.suppress(ValueError):
                now = json.loads(line)
                if before:
                    self._write(host, before, now)
                before = now
        process.stdout.close()

    def _write(self, host: str, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Two readings make a sample. It is dated by our clock: the hosts' may differ."""
        ts, passed = time.time(), now["at"] - before["at"]
        earlier = {unit: seconds for unit, _, seconds in before["units"]}
        shares = [
            (unit, role, max(0.0, seconds - earlier[unit]) / passed)
            for unit, role, seconds in now["units"]
            if unit in earlier
        ]
        if now["host"] is not None and before["host"] is not None:
            known = sum(share for _, _, share in shares)
            shares.append((REST, REST, max(0.0, (now["host"] - before["host"]) / passed - known)))
        with self._lock:
            for unit, role, share in shares:
                # The table tells processes apart by number; a unit of a host gets one of its own.
                pid = self._pids.setdefault((host, unit), len(self._pids) + 1)
                self._part.write({"ts": ts, "role": role, "pid": pid, "cpu": share, "rss": 0, "host": host})
            self._part.flush()
