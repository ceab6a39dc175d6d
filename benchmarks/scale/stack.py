"""The stack as a network of queues: generator → front end → broker → worker, on processors that they share."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import simpy

from benchmarks.scale.queues import Cores, Process, Queue, Steps

# Tasks at the start whose latency does not count: the model begins empty.
WARMUP = 0.1
# Programs of no part of the stack come in pieces of this length.
PIECE = 0.002


@dataclass(frozen=True)
class Costs:
    """What one task takes: mean seconds of a processor in each place, and delays (disk, network, timers) as observed.

    `delays`: stage → seconds, of which one is drawn for each task. `background`: cores that all else uses. `variation`:
    of processor times, variance ÷ mean²: 0 for a constant, 1 for the exponential distribution.
    """

    send: float = 0.0
    answer: float = 0.0
    request: float = 0.0
    reply: float = 0.0
    store: float = 0.0
    deliver: float = 0.0
    settle: float = 0.0
    before: float = 0.0
    task: float = 0.0
    after: float = 0.0
    queue: float = 0.0  # of the queue's own process, one message at a time
    background: float = 0.0
    variation: float = 1.0
    delays: Mapping[str, Sequence[float]] = field(default_factory=dict)

    @property
    def all(self) -> float:
        return self.generator + self.web + self.broker + self.worker

    @property
    def generator(self) -> float:
        return self.send + self.answer

    @property
    def web(self) -> float:
        return self.request + self.reply

    @property
    def broker(self) -> float:
        return self.store + self.deliver + self.settle

    @property
    def worker(self) -> float:
        return self.before + self.task + self.after


@dataclass(frozen=True)
class Layout:
    """How many there are of each. `slots`: tasks that a worker works on at once. One machine has all of it."""

    cores: int
    generators: int = 1
    web: int = 2
    workers: int = 2
    slots: int = 1
    prefetch: int = 64


@dataclass(frozen=True)
class Simulated:
    """What came out. Times in seconds, rates in tasks a second, shares of 1."""

    arrived: int
    finished: int
    inside: int
    done: float
    latencies: np.ndarray
    shares: dict[str, float]

    def quantile(self, of: float) -> float:
        """Scheduled to finished, after the warm-up; NaN when nothing finished."""
        return float(np.quantile(self.latencies, of)) if len(self.latencies) else math.nan


def simulate(
    costs: Costs, layout: Layout, rate: float, tasks: int, seed: int = 1, arrivals: str = "poisson", drain: bool = True
) -> Simulated:
    """Send `tasks` at `rate`. `drain`: until all are done; else until the last was due, to see an overloaded stack."""
    return _Run(costs, layout, rate, tasks, seed, arrivals).go(drain)


class _Run:
    def __init__(self, costs: Costs, layout: Layout, rate: float, tasks: int, seed: int, arrivals: str) -> None:
        self.env, self.costs, self.rate, self.tasks = simpy.Environment(), costs, rate, tasks
        self.layout, self.poisson = layout, arrivals == "poisson"
        # One stream of numbers for each purpose: another layout meets the same arrivals.
        self.gaps, self.times, self.ways = (random.Random(f"{name} {seed}") for name in ("gaps", "times", "ways"))  # noqa: S311
        self.cores = Cores(self.env, layout.cores)
        self.generators = [Process(self.env, self.cores) for _ in range(layout.generators)]
        self.web = [Process(self.env, self.cores) for _ in range(layout.web)]
        self.workers = [Process(self.env, self.cores, layout.slots) for _ in range(layout.workers)]
        self.queue = Queue(self.env, layout.workers, layout.prefetch)
        self.queue_process = simpy.Resource(self.env, 1)
        self.arrived = self.begun = 0
        self.ends: list[tuple[int, float, float]] = []

    def go(self, drain: bool) -> Simulated:
        due = self.env.process(self._arrive())
        if self.costs.background:
            self.env.process(self._background())
        self.env.run(due)
        while drain and len(self.ends) < self.tasks:
            self.env.step()
        # By when the last was due nothing drains yet: what was done until then is the throughput.
        horizon = self.last_due
        kept = [(at, end) for number, at, end in self.ends if number >= WARMUP * self.tasks]
        first = min((at for at, _ in kept), default=0.0)
        done = sum(first <= end <= horizon for _, _, end in self.ends)
        whole = self.env.now
        return Simulated(
            arrived=self.arrived,
            finished=len(self.ends),
            inside=self.begun - len(self.ends),
            done=done / (horizon - first) if horizon > first else 0.0,
            latencies=np.array([end - at for at, end in kept]),
            shares={
                "generator": max(each.busy for each in self.generators) / whole,
                "web": max(each.busy for each in self.web) / whole,
                "worker": max(each.busy for each in self.workers) / whole,
                "cores": self.cores.busy / whole / self.layout.cores,
            },
        )

    def _arrive(self) -> Steps:
        for number in range(self.tasks):
            yield self.env.timeout(self.gaps.expovariate(self.rate) if self.poisson else 1 / self.rate)
            self.arrived += 1
            self.env.process(self._life(number))
        self.last_due = self.env.now

    def _life(self, number: int) -> Steps:
        costs, due = self.costs, self.env.now
        self.begun += 1
        generator = self.generators[number % len(self.generators)]
        yield from generator.work(self._draw(costs.send))
        yield from self._delay("scheduled_to_sent")
        web = self.ways.choice(self.web)
        yield from web.work(self._draw(costs.request))
        yield from self._delay("sent_to_published")
        if costs.queue:
            with self.queue_process.request() as turn:
                yield turn
                yield self.env.timeout(costs.queue)
        yield from self.cores.work(self._draw(costs.store))
        self.env.process(self._answer(web, generator))
        yield from self._delay("published_to_received")
        consumer = yield self.queue.deliver()
        yield from self.cores.work(self._draw(costs.deliver))
        worker = self.workers[consumer]
        yield from self._delay("received_to_started")
        with worker.slots.request() as slot:
            yield slot
            yield from worker.work(self._draw(costs.before))
            yield from worker.work(self._draw(costs.task))
            yield from self._delay("started_to_finished")
            self.ends.append((number, due, self.env.now))
            yield from worker.work(self._draw(costs.after))
        self.queue.acknowledge(consumer)
        yield from self.cores.work(self._draw(costs.settle))

    def _answer(self, web: Process, generator: Process) -> Steps:
        """The 202 on its way back: beside the task's own way."""
        yield from self._delay("published_to_confirmed")
        yield from web.work(self._draw(self.costs.reply))
        yield from generator.work(self._draw(self.costs.answer))

    def _background(self) -> Steps:
        while True:
            yield self.env.timeout(self.times.expovariate(self.costs.background / PIECE))
            self.env.process(self.cores.work(PIECE))

    def _draw(self, mean: float) -> float:
        """One processor time, of a gamma distribution."""
        spread = self.costs.variation
        return self.times.gammavariate(1 / spread, mean * spread) if mean > 0 and spread > 0 else mean

    def _delay(self, stage: str) -> Steps:
        seen = self.costs.delays.get(stage)
        if seen is not None and len(seen):
            yield self.env.timeout(self.ways.choice(seen))
