"""What cannot work in a stack.yml, though each value alone is fine. One function for each concern.

Every rule yields `(where, message)`: the place to change, and which values clash and what to do about it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from app.broker.names import CELERY_DELAYED, DEAD, PLAIN, RECORDS
from app.units import format_duration as text

if TYPE_CHECKING:
    from app.contract import Contract, Pool

Complaints = Iterator[tuple[str, str]]

# A solo worker answers no heartbeat while a task runs, and the broker hangs up after two silent intervals.
SOLO_MARGIN = 10
# Above 300 unacknowledged messages a consumer gains nothing (RabbitMQ's guide to consumer prefetch).
MOST_PREFETCH = 300
# Every message in hand is kept in the broker's memory, and no scaler or newcomer can take it.
MOST_IN_HAND = 2000
# From here on, a message that waits in one process while another is idle is a delay that people notice.
LONG_TASK = 10.0
# The front end promises its 503 within two seconds; what is left is for the answer itself.
MOST_PUBLISH_TIMEOUT = 1.8


def judge(contract: Contract) -> Complaints:
    """Every reason why this contract cannot work."""
    yield from _broker(contract)
    yield from _queues(contract)
    for name, pool in contract.pools.items():
        where = f"pools.{name}"
        yield from _pool_name(where, name)
        yield from _kind(where, pool, contract)
        yield from _times(where, pool, contract)
        yield from _prefetch(where, pool, contract)
    yield from _web(contract)


def _broker(c: Contract) -> Complaints:
    broker = c.broker
    if broker.replicas > broker.nodes:
        yield (
            "broker.replicas",
            f"{broker.replicas} replicas do not fit on {broker.nodes} node(s); lower replicas or raise broker.nodes",
        )
    if broker.replicas % 2 == 0:
        yield (
            "broker.replicas",
            f"{broker.replicas} is even: it survives no more failures than {broker.replicas - 1}; use an odd number",
        )
    if broker.queue_type == "classic" and broker.replicas != 1:
        yield (
            "broker.replicas",
            "classic queues are not replicated; set replicas to 1 or broker.queue_type to quorum",
        )
    if c.stop.soft_shutdown >= c.stop.timeout:
        yield (
            "stop.timeout",
            f"{text(c.stop.timeout)} leaves no time after stop.soft_shutdown ({text(c.stop.soft_shutdown)}) to "
            "hand tasks back; raise stop.timeout",
        )


def _queues(c: Contract) -> Complaints:
    if c.default_queue not in c.queues:
        yield "default_queue", f"there is no queue {c.default_queue!r}; choose one of {', '.join(c.queues)}"
    first: dict[str, str] = {}
    for name, queue in c.queues.items():
        if name in (DEAD, PLAIN, RECORDS) or name.startswith(CELERY_DELAYED):
            yield f"queues.{name}", "every stack has a queue of this name for itself; rename yours"
        for task in queue.tasks:
            if task in first:
                yield (
                    f"queues.{name}.tasks",
                    f"task {task!r} is in queue {first[task]!r} already; name it in one queue only",
                )
            first.setdefault(task, name)
    read = {name for pool in c.pools.values() for name in pool.queues}
    for name in c.queues.keys() - read:
        yield (
            f"queues.{name}",
            "no pool reads it, so its tasks would wait for ever; add it to a pool's queues",
        )
    for pool_name, pool in c.pools.items():
        for name in pool.queues:
            if name not in c.queues:
                yield (
                    f"pools.{pool_name}.queues",
                    f"there is no queue {name!r}; choose from {', '.join(c.queues)}",
                )


def _pool_name(where: str, name: str) -> Complaints:
    if name.rpartition("-")[2].isdecimal():
        yield where, "ends in a number, as the name of a pool's single process does (POOL-INDEX); rename it"


def _kind(where: str, pool: Pool, c: Contract) -> Complaints:
    """What a pool's kind cannot do is refused, not ignored."""
    if pool.kind == "prefork":
        for key in ("soft_limit", "hard_limit"):
            if getattr(pool, key) is None:
                yield where, f"a prefork pool needs {key}: without it a hung task holds its process for ever"
        if pool.longest_task is not None:
            yield f"{where}.longest_task", "a prefork pool enforces hard_limit; remove longest_task"
        return
    for key in ("soft_limit", "hard_limit"):
        if getattr(pool, key) is not None:
            yield (
                f"{where}.{key}",
                f"a {pool.kind} pool cannot stop a running task; use kind: prefork, or say longest_task instead",
            )
    for key in ("max_memory", "max_tasks"):
        if getattr(pool, key) is not None:
            yield (
                f"{where}.{key}",
                f"a {pool.kind} pool has no child process to replace; use kind: prefork, or remove it",
            )
    if pool.longest_task is None:
        yield (
            where,
            f"a {pool.kind} pool needs longest_task: how long its slowest task takes, for stopping without loss",
        )
    if pool.kind == "solo" and pool.concurrency != 1:
        yield f"{where}.concurrency", "a solo pool runs one task at a time; set it to 1 or use kind: threads"
    if pool.kind == "solo" and pool.longest * SOLO_MARGIN > c.broker.heartbeat:
        yield (
            f"{where}.longest_task",
            f"{text(pool.longest)} is too long for a solo pool: it answers no heartbeat meanwhile, so keep it below a "
            f"{SOLO_MARGIN}th of broker.heartbeat ({text(c.broker.heartbeat)}), or use kind: threads or prefork",
        )


def _times(where: str, pool: Pool, c: Contract) -> Complaints:
    """soft limit < hard limit (or longest task) < soft shutdown, and hard limit < consumer timeout."""
    limit = f"{where}.hard_limit" if pool.hard_limit else f"{where}.longest_task"
    if pool.soft_limit and pool.hard_limit and pool.soft_limit >= pool.hard_limit:
        yield (
            f"{where}.soft_limit",
            f"{text(pool.soft_limit)} leaves no time to clean up before hard_limit ({text(pool.hard_limit)}); lower it",
        )
    if pool.longest >= c.stop.soft_shutdown:
        yield (
            limit,
            f"a task may take {text(pool.longest)}, but stopping waits only stop.soft_shutdown "
            f"({text(c.stop.soft_shutdown)}); lower the one or raise the other",
        )
    if pool.longest >= c.broker.consumer_timeout:
        yield (
            limit,
            f"a task may take {text(pool.longest)}, but the broker closes the channel after broker.consumer_timeout "
            f"({text(c.broker.consumer_timeout)}); lower the one or raise the other",
        )


def _prefetch(where: str, pool: Pool, c: Contract) -> Complaints:
    where = f"{where}.prefetch"
    if pool.prefetch < pool.concurrency:
        yield (
            where,
            f"{pool.prefetch} leaves some of {pool.concurrency} slots idle; raise it to at least concurrency",
        )
    if pool.prefetch > MOST_PREFETCH:
        yield (
            where,
            f"{pool.prefetch} gains nothing over {MOST_PREFETCH} and makes redelivery after a crash longer; lower it",
        )
    if pool.kind == "prefork" and pool.longest > LONG_TASK and pool.prefetch > pool.concurrency:
        yield (
            where,
            f"with tasks of up to {text(pool.longest)}, {pool.prefetch - pool.concurrency} messages would wait behind "
            f"them while other processes are idle; set it to concurrency ({pool.concurrency})",
        )
    # `per-core` says nothing certain about the number, and this judgement must not depend on the machine it is made on.
    in_hand = 0 if pool.processes == "per-core" else pool.processes * pool.prefetch
    if in_hand > MOST_IN_HAND:
        yield (
            where,
            f"{pool.processes} processes × {pool.prefetch} = {in_hand} messages in hand, over {MOST_IN_HAND}: they"
            " burden the broker and hide the backlog; lower prefetch or processes",
        )
    # The broker's clock for a delivery starts when it is prefetched, not when its task starts.
    wait = math.ceil(pool.prefetch / pool.concurrency) * pool.longest
    if pool.longest < c.broker.consumer_timeout <= wait:
        yield (
            where,
            f"the last of {pool.prefetch} prefetched messages may be held for {text(wait)}, but the broker closes "
            f"the channel after consumer_timeout ({text(c.broker.consumer_timeout)}); lower prefetch or raise it",
        )


def _web(c: Contract) -> Complaints:
    if c.web.waiters >= c.web.threads:
        yield (
            "web.waiters",
            f"{c.web.waiters} waiting requests could hold all {c.web.threads} threads; keep it below web.threads",
        )
    if c.web.publish_timeout > MOST_PUBLISH_TIMEOUT:
        yield (
            "web.publish_timeout",
            f"{text(c.web.publish_timeout)} is too long to answer 503 within two seconds; "
            f"at most {text(MOST_PUBLISH_TIMEOUT)}",
        )
