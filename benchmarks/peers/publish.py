"""Fills a queue by a peer's own call: `python -m benchmarks.peers.publish TASK ARGS COUNT AT_ONCE`; prints messages/s.

One process, with as many calls at once as one process of the peer's front end makes. PEERS_MODULE says whose.
"""

import asyncio
import importlib
import inspect
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

# Before the clock starts: connections are made, queues declared.
WARM = 50


def main(task: str, args: list[Any], count: int, at_once: int) -> None:
    peer = importlib.import_module(os.environ["PEERS_MODULE"])
    if inspect.iscoroutinefunction(peer.send):
        rate = asyncio.run(_awaited(peer, task, args, count, at_once))
    else:
        rate = _threaded(peer, task, args, count, at_once)
    sys.stdout.write(f"{rate:.6g}\n")
    sys.stdout.flush()
    # Threads of a library's own may wait for long; all is confirmed.
    os._exit(0)


def _threaded(peer: Any, task: str, args: list[Any], count: int, at_once: int) -> float:
    def work(numbers: Iterator[int]) -> None:
        for _ in numbers:
            peer.send(task, args, None)

    def publish(number: int) -> float:
        # One iterator for all threads: `next` of a range's is atomic.
        numbers, began = iter(range(number)), time.perf_counter()
        for done in [threads.submit(work, numbers) for _ in range(at_once)]:
            done.result()
        return number / (time.perf_counter() - began)

    with ThreadPoolExecutor(at_once) as threads:
        publish(min(WARM, count))
        return publish(max(1, count - WARM))


async def _awaited(peer: Any, task: str, args: list[Any], count: int, at_once: int) -> float:
    async def work(numbers: Iterator[int]) -> None:
        for _ in numbers:
            await peer.send(task, args, None)

    async def publish(number: int) -> float:
        numbers, began = iter(range(number)), time.perf_counter()
        await asyncio.gather(*(work(numbers) for _ in range(at_once)))
        return number / (time.perf_counter() - began)

    await peer.broker.startup()
    await publish(min(WARM, count))
    return await publish(max(1, count - WARM))


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
