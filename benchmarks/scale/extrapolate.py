"""What is full first at many times the rate, by demand and capacity; and latency then, by the model of a shard."""

import math
from dataclasses import dataclass, replace

from app.records.shipper import BATCH, EVERY
from benchmarks.scale import published
from benchmarks.scale.calibrate import MOST, Calibrated
from benchmarks.scale.small import Small
from benchmarks.scale.stack import Layout, Simulated, simulate

FACTORS = (10, 100, 1000)
# A part that is planned fuller than this has no room for chance.
USE = 0.7
# The same kind of queue by the slower of the two published figures: shown beside, and not what shards are counted by.
SLOW_QUEUE = "quorum queue, default flow control, slow disk"
OURS, THEIRS, ASSUMED = "measured here", "published by others", "assumed"


@dataclass(frozen=True)
class Part:
    """`each`: what one task takes of one instance, as a share of a second; `have`: instances in the measured layout.

    `more`: what it takes to have more of them; empty: there can be only one. `always`: every task needs it.
    """

    name: str
    each: float
    have: int
    source: str
    more: str
    always: bool = True

    @property
    def ceiling(self) -> float:
        """Tasks a second at which those that there are now are full."""
        return self.have / self.each if self.each > 0 else math.inf

    def needed(self, rate: float) -> int:
        return max(1, math.ceil(rate * self.each / USE))


@dataclass(frozen=True)
class Scaled:
    """At `factor` times the rate: parts with how many it takes, those that cannot be had, and a shard's latency."""

    factor: int
    rate: float
    needed: dict[str, int]
    stuck: list[Part]
    shards: int
    shard: Simulated


def parts(model: Calibrated, layout: Layout, small: Small) -> list[Part]:
    """All that can be full, the first to be full first."""
    costs = model.costs
    # A task holds its slot while it waits for something, too; computing, one at a time.
    waits = model.costs.delays.get("started_to_finished") or [0.0]
    worker = max(costs.worker, (costs.worker + sum(waits) / len(waits)) / layout.slots)
    # Each worker sends its records at least every EVERY seconds, or as many as fit a message.
    batches = max(model.low.record / BATCH, worker / USE / EVERY)
    found = [
        Part("all cores of the one machine", costs.all / layout.cores, 1, OURS, "machines"),
        Part("generator process", costs.generator, layout.generators, OURS, "Locust workers"),
        Part("Locust's master, following", 1 / small.follower, 1, OURS, ""),
        Part("front-end process", costs.web, layout.web, OURS, "processes"),
        Part("worker process", worker, layout.workers, OURS, "processes"),
        Part("a core of the broker", costs.broker, layout.cores, OURS, "cores, then nodes"),
        Part("results file (SQLite), where results are kept", 1 / small.results, 1, OURS, "", always=False),
        Part("quorum queue", 1 / published.QUORUM.value, 1, THEIRS, "queues: a task's name in several"),
        Part(SLOW_QUEUE, 1 / published.QUORUM_SLOW_DISK.value, 1, THEIRS, "queues, or a faster disk", always=False),
        Part("stream of records", batches / published.STREAM.value, 1, THEIRS, "streams"),
        Part("link of the broker, 10 Gbit/s", 2 * small.message / published.LINK, 1, ASSUMED, "nodes"),
    ]
    return sorted(found, key=lambda part: part.ceiling)


def scaled(model: Calibrated, layout: Layout, found: list[Part], rate: float, factor: int, tasks: int = MOST) -> Scaled:
    """`rate`: the one that was measured. From one queue on, a larger stack is so many shards of the same kind."""
    whole = rate * factor
    needed = {
        part.name: part.needed(whole) for part in found if part.more and part.name != "all cores of the one machine"
    }
    shards = needed["quorum queue"]
    counts = {name: math.ceil(count / shards) for name, count in needed.items()}
    shard = replace(
        layout,
        generators=counts["generator process"],
        web=counts["front-end process"],
        workers=counts["worker process"],
        # Every process has a core of its own, and the broker those it takes.
        cores=sum(counts[name] for name in ("generator process", "front-end process", "worker process"))
        + counts["a core of the broker"],
    )
    costs = replace(model.costs, queue=1 / published.QUORUM.value, background=0.0)
    ran = simulate(costs, shard, whole / shards, tasks)
    stuck = [part for part in found if not part.more and whole > part.ceiling]
    return Scaled(factor, whole, needed, stuck, shards, ran)
