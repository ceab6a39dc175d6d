"""Stopping a worker without losing or repeating work, the same way for every kind of pool.

From SIGTERM on: nothing new is started, what waits goes back to the broker at once, what runs is finished in the living
loop, and after stack.yml's `stop.soft_shutdown` what still runs goes back too.

Celery's own soft shutdown (5.7) is not used: it sleeps its whole timeout inside the signal handler. Meanwhile no
heartbeat is sent, so with a long grace the broker hangs up and a task that was finished is done again; a solo pool's
running task stands still and then fails; and a worker with nothing to do takes as long as a busy one.
"""

import logging
import os
import signal
import time
from collections.abc import Callable
from typing import Any

from celery.apps.worker import on_cold_shutdown
from celery.worker import state

log = logging.getLogger(__name__)


class Stop:
    """One a worker. Signal handlers only set marks here; `turn` acts on them, from within the consumer's loop."""

    def __init__(self, soft_shutdown: float, on_begin: Callable[[], None]) -> None:
        self._soft_shutdown = soft_shutdown
        self._on_begin = on_begin
        self._asked: float | None = None
        self._hurry = False
        self._drained = False
        self.begun = False
        # Whether the consumer's loop runs, which is what calls `turn`.
        self.in_loop = False

    def install(self) -> None:
        """Take over SIGTERM and SIGINT. A second signal hands back at once what still runs."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def _on_signal(self, _number: int, _frame: Any) -> None:
        self._hurry = self._asked is not None
        self._asked = self._asked or time.monotonic()
        if not self.in_loop:
            # Not connected: nothing is in hand that the broker has not taken back already.
            state.should_stop = os.EX_OK

    def left_loop(self) -> None:
        """The connection is lost. A stop that was wanted already must not wait for a broker that may never be back."""
        self.in_loop = False
        if self._asked is not None:
            state.should_stop = os.EX_OK

    def turn(self, consumer: Any) -> None:
        """To be called from the loop, a few times a second."""
        if self._asked is None:
            return
        if not self.begun:
            self._begin(consumer)
        elif not self._drained:
            # One turn later: by now, what had just been started shows as active.
            self._hand_back_waiting(consumer)
        elif not state.reserved_requests:
            state.should_stop = os.EX_OK
        elif self._hurry or time.monotonic() > self._asked + self._soft_shutdown:
            self._hand_back_running(consumer)

    def _begin(self, consumer: Any) -> None:
        log.info("stopping: %d tasks in hand", len(state.reserved_requests))
        self.begun = True
        self._on_begin()
        # What is still on its way here goes straight back; waiting for the cancel to be confirmed would start it.
        consumer.task_consumer.on_message = lambda message: message.requeue()
        consumer.task_consumer.cancel()
        if consumer.controller.semaphore:
            consumer.controller.semaphore.clear()
        if executor := getattr(consumer.pool, "executor", None):
            executor.shutdown(wait=False, cancel_futures=True)

    def _hand_back_waiting(self, consumer: Any) -> None:
        self._drained = True
        prefork = consumer.app.worker_context.pool.kind == "prefork"
        for request in [*state.reserved_requests, *state.scheduled_requests]:
            # A child process that was given a task may not have said so yet.
            given = prefork and request._apply_result is not None
            if request not in state.active_requests and not given:
                if request._eta_timer_entry is not None:
                    consumer.timer.cancel(request._eta_timer_entry)
                request.reject(requeue=True)
                state.task_ready(request)

    def _hand_back_running(self, consumer: Any) -> None:
        running = ", ".join(f"{request.name}[{request.id}]" for request in state.active_requests)
        log.warning("stopping takes too long; handed back to the broker: %s", running)
        if consumer.app.worker_context.pool.kind == "prefork":
            on_cold_shutdown(consumer.controller)
            return
        # A thread cannot be stopped. The broker hands back what a closed connection held.
        consumer.connection.collect()
        os._exit(os.EX_TEMPFAIL)
