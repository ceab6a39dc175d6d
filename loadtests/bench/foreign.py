"""A stack that is not ours, known by its broker only."""

from loadtests.bench.target import NoTarget, Target, ask_broker
from loadtests.generator.broker import BrokerUnusable, Link


def by_broker(url: str, queue: str) -> Target:
    """Raises NoTarget when the broker or the queue cannot be used."""
    if not url.startswith(("amqp://", "amqps://")):
        raise NoTarget("--broker is an AMQP URL: amqp://user:password@host:port/vhost, or amqps://…")
    link = Link(url, queue)
    try:
        _, consumers = link.depth()
    except BrokerUnusable as error:
        raise NoTarget(str(error)) from error
    finally:
        link.close()
    facts = {"target": "broker", "url": None, "queue": queue, "consumers": consumers, "broker": ask_broker(url)}
    notes = ["published straight to the broker: no front end is in these numbers, and dead letters are not known"]
    return Target("http://broker.invalid", "", facts, notes=notes)
