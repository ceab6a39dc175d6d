"""The floor: pika alone. A confirmed publish; a consumer that acknowledges when the task is done, and nothing else.

`python -m benchmarks.peers.pika_plain THREADS PREFETCH` is one worker process. As in pika's own examples, what waits
runs in threads and the acknowledgement is handed back to the connection's own thread.
"""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

from benchmarks.peers import work

QUEUE = "tasks"
_own = threading.local()


def _connect() -> BlockingChannel:
    channel = pika.BlockingConnection(pika.URLParameters(os.environ["PEERS_BROKER"])).channel()
    channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    return channel


def send(task: str, args: list[Any], mark: work.Mark) -> None:
    """Returns when the broker has confirmed the message. A connection is one thread's own."""
    if not hasattr(_own, "channel"):
        _own.channel = _connect()
        _own.channel.confirm_delivery()
    properties = pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent)
    _own.channel.basic_publish("", QUEUE, json.dumps([task, args, mark]), properties, mandatory=True)


def main(concurrency: int, prefetch: int) -> None:
    """Consume without end."""
    channel = _connect()
    threads = ThreadPoolExecutor(concurrency)

    def wait(tag: int, args: list[Any], mark: work.Mark) -> None:
        work.sleep(args[0], mark)
        channel.connection.add_callback_threadsafe(partial(channel.basic_ack, tag))

    def on_message(_channel: Any, method: Any, _properties: Any, body: bytes) -> None:
        task, args, mark = json.loads(body)
        if task == "noop":
            work.noop(mark)
            channel.basic_ack(method.delivery_tag)
        else:
            threads.submit(wait, method.delivery_tag, args, mark)

    channel.basic_qos(prefetch_count=prefetch)
    channel.basic_consume(QUEUE, on_message)
    channel.start_consuming()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
