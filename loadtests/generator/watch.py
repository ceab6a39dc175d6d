"""Samples while a run lasts: the generator's own load, and how deep the queues are."""

import logging
import os
import socket
import time

import gevent
import psutil

from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.generator.pacing import Pacer
from loadtests.generator.parts import Part

log = logging.getLogger(__name__)

# Seconds. The queues' depths cost the front end a connection to the broker each time.
EVERY, QUEUES_EVERY = 0.5, 2.0


def watch_self(part: Part, pacer: Pacer) -> None:
    """Without end: `cpu`, the share of one core this process used since the last line, and how busy its senders are."""
    process = psutil.Process()
    process.cpu_percent()
    who = {"pid": os.getpid(), "host": socket.gethostname()}
    while True:
        gevent.sleep(EVERY)
        cpu = process.cpu_percent() / 100
        part.write(
            {"ts": time.time(), **who, "cpu": cpu, "rss": process.memory_info().rss, "in_flight": pacer.in_flight}
        )
        part.flush()


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
