"""Celery's remote control (revoke, inspect, ping), with queues that fit a cluster.

A worker's control queue is exclusive, so that it goes with the connection, and each connection has one of a new name.
One of a fixed name would be locked for a worker that comes back before the broker has noticed that the old one died; a
durable one would be out of reach while its node is down, or, as a quorum queue made while nodes restart, for good.
"""

import uuid
from typing import Any

from celery.app import control
from kombu import Queue, pidbox


class Mailbox(pidbox.Mailbox):
    """Celery's, with a new queue for each connection of a worker. Commands reach them all by a fanout exchange."""

    def get_queue(self, hostname: str) -> Queue:
        queue: Any = super().get_queue(f"{hostname}.{uuid.uuid4().hex[:12]}")
        return queue


class Control(control.Control):
    """Celery's, with that mailbox."""

    Mailbox = Mailbox
