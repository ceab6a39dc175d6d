"""The exchanges and queues of the stack, and the broker settings that belong to them, all from stack.yml.

    tasks   (topic)   → one queue for each of stack.yml's queues, routing key = queue name; a topic exchange because
                        Celery's delayed delivery (countdowns on quorum queues) works with no other
    plain   (direct)  → plain: the pika producer and consumer beside Celery
    dead    (direct)  → dead: what was rejected or redelivered too often, kept until someone decides
    records (direct)  → records: a stream of measured tasks' records

`tasks` is a topic exchange because Celery's delayed delivery (a countdown on quorum queues) cannot return a message
to a direct one.

What keeps messages safe is a queue argument, so that it holds on brokers whose policies we may not touch. What may
change later is a policy, because a queue's arguments cannot be changed.
"""

from typing import Any, Protocol

from app.broker.names import DEAD, PLAIN, RECORDS, TASKS
from app.contract import Contract

EXCHANGES = {DEAD: "direct", RECORDS: "direct", PLAIN: "direct", TASKS: "topic"}

# Records are read within minutes; a stream drops whole segments of this size once the limit is passed.
_RECORDS = {
    "x-queue-type": "stream",
    "x-max-length-bytes": 1_000_000_000,
    "x-stream-max-segment-size-bytes": 50_000_000,
}


class Channel(Protocol):
    """The two calls that pika's blocking channel and our own adapters share."""

    def exchange_declare(self, exchange: str, exchange_type: str, durable: bool) -> Any: ...
    def queue_declare(self, queue: str, durable: bool, arguments: dict[str, Any]) -> Any: ...
    def queue_bind(self, queue: str, exchange: str, routing_key: str) -> Any: ...


def queue_arguments(contract: Contract) -> dict[str, Any]:
    """Arguments of every queue that carries work. Rejected messages go to `dead`, and stay put until they are there.

    `at-least-once` dead-lettering needs `reject-publish`: the publisher is refused rather than an old message dropped.
    """
    arguments: dict[str, Any] = {"x-queue-type": contract.broker.queue_type}
    arguments |= {"x-dead-letter-exchange": DEAD, "x-dead-letter-routing-key": DEAD}
    if contract.broker.queue_type == "quorum":
        arguments |= {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    return arguments


def dead_letter_arguments(contract: Contract) -> dict[str, Any]:
    """Arguments of the `dead` queue itself: replicated as the others are, and with nowhere further to fall."""
    return {"x-queue-type": contract.broker.queue_type}


def queues(contract: Contract) -> dict[str, tuple[str, dict[str, Any]]]:
    """Every queue: name → (exchange, arguments). The routing key is the queue's name."""
    work = queue_arguments(contract)
    named = dict.fromkeys(contract.queues, (TASKS, work))
    return {
        DEAD: (DEAD, dead_letter_arguments(contract)),
        RECORDS: (RECORDS, _RECORDS),
        PLAIN: (PLAIN, work),
        **named,
    }


def declare(channel: Channel, contract: Contract) -> None:
    """Declare it all; what exists already is left alone. Dead letters first: a queue must never outlive its refuge."""
    for exchange, kind in EXCHANGES.items():
        channel.exchange_declare(exchange=exchange, exchange_type=kind, durable=True)
    for name, (exchange, arguments) in queues(contract).items():
        channel.queue_declare(queue=name, durable=True, arguments=arguments)
        channel.queue_bind(queue=name, exchange=exchange, routing_key=name)


def policies(contract: Contract, version: tuple[int, ...]) -> list[dict[str, Any]]:
    """Policies for a broker of that version, as entries of RabbitMQ's definitions file (without the vhost).

    The delivery limit turns a message that keeps killing its worker into a dead letter. Dead letters themselves are
    read often and must never fall out: RabbitMQ 4 drops after 20 redeliveries unless told otherwise, 3.x does not.
    The consumer timeout is a policy from 3.12 on; before that `rabbitmq_conf` says it for the whole node.
    """
    timeout = {"consumer-timeout": round(contract.broker.consumer_timeout * 1000)} if version >= (3, 12) else {}
    work = "|".join([PLAIN, *contract.queues])
    entries = [_policy("work", f"^({work})$", {"delivery-limit": contract.broker.delivery_limit} | timeout)]
    if version >= (4,):
        entries.append(_policy("dead-letters", f"^{DEAD}$", {"delivery-limit": -1}))
    return entries if contract.broker.queue_type == "quorum" else []


def rabbitmq_conf(contract: Contract) -> str:
    """Lines of rabbitmq.conf that follow from stack.yml."""
    return (
        f"heartbeat = {round(contract.broker.heartbeat)}\n"
        f"consumer_timeout = {round(contract.broker.consumer_timeout * 1000)}\n"
    )


def advanced_config(contract: Contract) -> str:
    """advanced.config: how many members a new quorum queue gets.

    Not an argument of each queue (`x-quorum-initial-group-size`), because then a cluster could not grow: declaring the
    queue with another number is refused.
    """
    return f"[{{rabbit, [{{quorum_cluster_size, {contract.broker.replicas}}}]}}].\n"


def _policy(name: str, pattern: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "pattern": pattern, "apply-to": "queues", "priority": 0, "definition": definition}
