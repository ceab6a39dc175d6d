"""One broker user a role, with the least rights that work, as RabbitMQ's three regular expressions.

`configure` creates and deletes, `write` publishes and binds queues, `read` consumes and binds exchanges. Declaring
what exists already needs `configure` all the same, so worker, beat and consumer may: whoever comes first declares. The
front end only looks whether it is there, which needs no right.
"""

import re

from app.broker.names import BEAT_LOCK, CELERY_DELAYED, DEAD, DEAD_LOCK, PLAIN, RECORDS, TASKS
from app.contract import Contract

# Celery's own names: remote control (revoke, inspect) and its replies, events, and the delayed delivery of countdowns.
_CONTROL = [r".*celery\.pidbox"]
_EVENTS = [r"celeryev.*"]
_DELAYED = [f"{CELERY_DELAYED}.*"]
# The queue of a process that reads results by `rpc://`: a UUID.
_REPLIES = ["[0-9a-f-]{36}"]


def permissions(contract: Contract) -> dict[str, dict[str, str]]:
    """Role → {"configure": regex, "write": regex, "read": regex}, for the stack's vhost."""
    queues = [re.escape(name) for name in contract.queues]
    work = [TASKS, *queues, DEAD]
    topology = [*work, PLAIN, RECORDS]
    return {
        # Publishes; sends remote control; reads records and replies; lists and replays dead letters.
        "web": _rights(
            [*_CONTROL, *_REPLIES, re.escape(DEAD_LOCK)],
            [TASKS, PLAIN, *_CONTROL, *_DELAYED],
            [DEAD, RECORDS, *_REPLIES],
        ),
        "worker": _rights(
            [*topology, *_CONTROL, *_EVENTS, *_DELAYED],
            [*topology, *_CONTROL, *_EVENTS, *_DELAYED, r"amq\.default"],
            [*topology, *_CONTROL, *_EVENTS, *_DELAYED],
        ),
        "beat": _rights([*topology, *_DELAYED, re.escape(BEAT_LOCK)], [*topology, *_DELAYED], [*topology, *_DELAYED]),
        "consumer": _rights(topology, topology, topology),
        # Flower: watches events and asks by remote control.
        "monitor": _rights([*_CONTROL, *_EVENTS], [*_CONTROL, *_EVENTS, r"amq\.default"], [*_CONTROL, *_EVENTS]),
    }


def _rights(configure: list[str], write: list[str], read: list[str]) -> dict[str, str]:
    return {"configure": _any_of(configure), "write": _any_of(write), "read": _any_of(read)}


def _any_of(patterns: list[str]) -> str:
    return f"^({'|'.join(patterns)})$"
