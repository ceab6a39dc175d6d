"""Samples while a run lasts: the generator's own load, and how deep the queues are."""

import logging
import os
import socket
import time
from pathlib import Path

import gevent
import psutil

from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.generator.pacing import Pacer
from loadtests.generator.parts import Part

log = logging.getLogger(__name__)

# Seconds. The queues' depths cost the front end a connection to the broker each time.
EVERY, QUEUES_EVERY = 0.5, 2.0


def watch_self(part: Part, pacer: Pacer) -> None:
    """Without end, since the last line: `cpu`, the share of one core this process used; `starved`, the share of the
    time in which it had work to do and others had the processors; and how busy its senders are."""
    process = psutil.Process()
    process.cpu_percent()
    waited, looked = _waited(), time.monotonic()
    who = {"pid": os.getpid(), "host": socket.gethostname()}
    while True:
        gevent.sleep(EVERY)
        cpu, now, queued = process.cpu_percent() / 100, time.monotonic(), _waited()
        starved = (queued - waited) / (now - looked) if queued is not None and waited is not None else None
        waited, looked = queued, now
        line = {"ts": time.time(), **who, "cpu": cpu, "starved": starved, "rss": process.memory_info().rss}
        part.write(line | {"in_flight": pacer.in_flight})
        part.flush()


def _waited() -> float | None:
    """Seconds that this process' first thread, which does all the sending, waited for a processor; None: not known.

    The second figure of Linux' schedstat (its documentation: scheduler/sched-stats).
    """
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None


def watch_queues(part: Part, front: FrontEnd) -> None:
    """Until the front end turns out not to tell: ready messages of each queue."""
    while True:
        try:
            queues = front.queues()
            ts = time.time()
            for queue in queues:
                part.write({"ts": ts, **queue})
            part.flush()
        except FrontEndError as error:
            if error.permanent:
                log.info("queue depths are not known: %s", error)
                return
        gevent.sleep(QUEUES_EVERY)
