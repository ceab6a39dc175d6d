"""What the model is made of, on simpy: processors, processes that compute on them, a queue with prefetching consumers.

Times in seconds. Whatever waits is served in the order in which it came.
"""

import math
from collections import deque
from collections.abc import Generator
from typing import Any

import simpy

Steps = Generator[simpy.Event, Any, None]

# How long a thread keeps a processor before the next has its turn: about what Linux' scheduler gives.
QUANTUM = 0.003


class Cores:
    """Processors that everything on a machine shares, in turns of at most `quantum`."""

    def __init__(self, env: simpy.Environment, count: int, quantum: float = QUANTUM) -> None:
        self._env, self._quantum, self.count = env, quantum, count
        self._turns = simpy.Resource(env, count)
        self.busy = 0.0

    def work(self, seconds: float) -> Steps:
        """Compute for so long, and wait for a processor as long as it takes."""
        left = seconds
        while left > 0:
            turn = min(left, self._quantum)
            with self._turns.request() as mine:
                yield mine
                yield self._env.timeout(turn)
            self.busy += turn
            left -= turn


class Process:
    """A process of which one thread computes at a time, as Python's lock has it. `slots`: tasks it works on at once."""

    def __init__(self, env: simpy.Environment, cores: Cores, slots: float = math.inf) -> None:
        self._cores, self._lock = cores, simpy.Resource(env, 1)
        self.slots = simpy.Resource(env, int(min(slots, 1_000_000)))
        self.busy = 0.0

    def work(self, seconds: float) -> Steps:
        with self._lock.request() as mine:
            yield mine
            yield from self._cores.work(seconds)
            self.busy += seconds


class Queue:
    """A broker's queue: a message goes to the next consumer in turn with fewer than `prefetch` unacknowledged."""

    def __init__(self, env: simpy.Environment, consumers: int, prefetch: int) -> None:
        self._env = env
        self._credit = [prefetch] * consumers
        self._next = 0
        self._waiting: deque[simpy.Event] = deque()

    def deliver(self) -> simpy.Event:
        """An event whose value is the consumer that has it."""
        event = self._env.event()
        for step in range(len(self._credit)):
            consumer = (self._next + step) % len(self._credit)
            if self._credit[consumer]:
                self._credit[consumer] -= 1
                self._next = consumer + 1
                return event.succeed(consumer)
        self._waiting.append(event)
        return event

    def acknowledge(self, consumer: int) -> None:
        if self._waiting:
            self._waiting.popleft().succeed(consumer)
        else:
            self._credit[consumer] += 1

    def __len__(self) -> int:
        """Messages that wait for a consumer."""
        return len(self._waiting)
