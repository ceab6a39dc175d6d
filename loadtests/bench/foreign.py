"""A stack that is not ours, known by its broker only."""

from typing import Any

from loadtests.bench.target import NoTarget, Target, ask_broker
from loadtests.generator.broker import BrokerUnusable, Link


def by_broker(url: str, queue: str) -> Target:
    """Raises NoTarget when the broker or the queue cannot be used."""
    try:
        if not url.startswith(("amqp://", "amqps://")):
            raise ValueError("no AMQP URL")
        facts = _facts(url, queue)
    except ValueError as error:  # each library has its own words for a URL it cannot read, some with the password
        raise NoTarget(
            "--broker is an AMQP URL: amqp://user:password@host:port/vhost, or amqps://…, "
            "with odd characters in user, password and vhost percent-encoded"
        ) from error
    except BrokerUnusable as error:
        raise NoTarget(str(error)) from error
    notes = ["published straight to the broker: no front end is in these numbers, and dead letters are not known"]
    return Target("http://broker.invalid", "", facts, notes=notes)


def _facts(url: str, queue: str) -> dict[str, Any]:
    """What the manifest says of it. Raises BrokerUnusable; ValueError: the URL is none."""
    link = Link(url, queue)
    try:
        _, consumers = link.depth()
    finally:
        link.close()
    return {"target": "broker", "url": None, "queue": queue, "consumers": consumers, "broker": ask_broker(url)}
