"""Says whether this worker still does its work: to systemd by its watchdog, to probes by the age of a file.

The consumer's loop marks each turn; a thread looks at the marks and passes the sign of life on. What counts:
- consuming, and the loop turned lately: alive.
- connecting, and the broker cannot be reached: alive. Restarting a worker mends no broker.
- connecting, though the broker has accepted TCP connections all the time for long: not alive. It hangs.
- the loop stands still (a task blocks it, the process is stopped): not alive.
"""

import logging
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from celery import bootsteps

from app.service_manager import alive, ready, tell, waiting

log = logging.getLogger(__name__)

EVERY = 1.0  # seconds between two signs of life
TICK = 0.25  # and between two marks of the loop
# While connecting, the broker is looked for this often; its answer may take this long.
PROBE_EVERY, PROBE_TIMEOUT = 5.0, 2.0


class Pulse:
    """One a worker. `stalled` and `hung`: seconds after which a still loop, or connecting in vain, means not alive."""

    def __init__(self, hosts: Sequence[tuple[str, int]], file: Path | None, stalled: float, hung: float) -> None:
        self._hosts, self._file = hosts, file
        self._stalled, self._hung = stalled, hung
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        self._ready = False
        self._reachable_since: float | None = None
        self._probe_at = 0.0
        self.turned = time.monotonic()
        self.consuming = False

    def start(self) -> None:
        if self._file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        self._thread.join(PROBE_TIMEOUT + EVERY)
        if self._file:
            self._file.unlink(missing_ok=True)

    def stopping(self) -> None:
        """The worker winds down; the service manager's stop timeout watches over that."""
        tell("STOPPING=1")

    def entered(self) -> None:
        """The consumer entered its loop, and it has to turn from now on: a task may block it before its first turn."""
        self.turned = time.monotonic()
        self.consuming = True
        self._reachable_since = None

    def turn(self) -> None:
        """The consumer's loop turned, so it is connected and consuming."""
        self.entered()
        if not self._ready:
            self._ready = True
            ready("consuming")

    def lost(self) -> None:
        """The consumer lost its connection and makes another."""
        self.consuming = False
        self._probe_at = 0.0

    def problem(self) -> str | None:
        """Why this worker counts as not alive; None when it does."""
        now = time.monotonic()
        if self.consuming:
            still = now - self.turned
            return f"the consumer loop has stood still for {still:.0f} s" if still > self._stalled else None
        since = self._reachable_since
        if since is not None and now - since > self._hung:
            return f"the broker has been reachable for {now - since:.0f} s, but we do not consume"
        return None

    def _run(self) -> None:
        said: str | None = None
        while not self._end.wait(EVERY):
            if not self.consuming:
                self._probe()
            problem = self.problem()
            if problem is None:
                self._sign()
            elif problem != said and said is None:
                log.critical("not alive: %s", problem)
            said = problem

    def _sign(self) -> None:
        alive()
        if not self._ready:
            waiting(EVERY)
        if self._file:
            try:
                self._file.touch()
            except OSError as error:
                log.error("heartbeat file: %s", error)

    def _probe(self) -> None:
        now = time.monotonic()
        if now < self._probe_at:
            return
        self._probe_at = now + PROBE_EVERY
        if not any(_reachable(host, port) for host, port in self._hosts):
            self._reachable_since = None
        elif self._reachable_since is None:
            self._reachable_since = now


def _reachable(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), PROBE_TIMEOUT).close()
    except OSError:
        return False
    return True


class Loop(bootsteps.StartStopStep):
    """The consumer's part: marks turns, and lets a wanted stop take place within the loop."""

    requires = ("celery.worker.consumer:Tasks",)

    def start(self, consumer: Any) -> None:
        """After Celery installed its own signal handlers, and before anything is consumed."""
        consumer.app.worker_context.stop.install()

    def register_with_event_loop(self, consumer: Any, hub: Any) -> None:
        """Called on each connect; Celery cancels the timer when the connection is lost."""
        context = consumer.app.worker_context
        context.stop.in_loop = True
        pulse, stop = context.pulse, context.stop
        pulse.entered()

        def turn() -> None:
            pulse.turn()
            stop.turn(consumer)

        hub.timer.call_repeatedly(TICK, turn)

    def stop(self, consumer: Any) -> None:
        """The loop was left: the connection is lost, or the worker stops."""
        consumer.app.worker_context.stop.left_loop()
        consumer.app.worker_context.pulse.lost()
