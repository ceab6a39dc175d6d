"""The brokers that peers share: one private RabbitMQ node with a vhost for each, or a private Valkey or Redis."""

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pika
import redis

from app.broker import topology
from app.contract import Contract
from benchmarks.peers.catalogue import OURS, Peer
from benchmarks.peers.running import START, PeerFailed, running, tail
from loadtests.local.ports import LOOPBACK, free_ports
from loadtests.local.rabbitmq import RabbitMQNode
from loadtests.local.rabbitmq_files import ADMIN


def server_program() -> str | None:
    """valkey-server or redis-server, where the machine has one."""
    return shutil.which("valkey-server") or shutil.which("redis-server")


def missing(peer: Peer) -> str | None:
    """Why this machine cannot run it, and what to do; None when it can."""
    if peer.appendfsync and not server_program():
        return "there is no valkey-server or redis-server; install the package valkey or redis-server"
    return None


@contextmanager
def valkey(folder: Path, appendfsync: str) -> Iterator[str]:
    """Its URL. `appendfsync`: when what it was told is on the disk; always: before it answers."""
    program = server_program()
    assert program is not None
    port, log = free_ports(1)[0], folder / "valkey.log"
    command = [program, "--bind", LOOPBACK, "--port", str(port), "--dir", str(folder), "--save", ""]
    command += ["--appendonly", "yes", "--appendfsync", appendfsync]
    with running([command], {}, log) as (server,):
        deadline = time.monotonic() + START
        while True:
            try:
                socket.create_connection((LOOPBACK, port), 1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise PeerFailed(f"{program} did not start; {tail(log)}") from None
                time.sleep(0.05)
        yield f"redis://{LOOPBACK}:{port}/0"


def add_vhost(node: RabbitMQNode, peer: Peer) -> str:
    """The peer's own vhost on the node; its URL."""
    kind = ["--default-queue-type", peer.default_queue_type] if peer.default_queue_type else []
    node.rabbitmqctl("add_vhost", peer.name, *kind)
    node.rabbitmqctl("set_permissions", "-p", peer.name, ADMIN, ".*", ".*", ".*")
    return urlunsplit(urlsplit(node.url())._replace(path=f"/{peer.name}"))


def prepare(node: RabbitMQNode, peer: Peer, contract: Contract) -> str:
    """Where the peer finds RabbitMQ. Warren has the node's first vhost, with its own users and policies."""
    if peer.name != OURS:
        return add_vhost(node, peer)
    with closing(pika.BlockingConnection(pika.URLParameters(node.url()))) as connection:
        topology.declare(connection.channel(), contract)
    return node.url()


class Depth:
    """Messages that wait in a queue of RabbitMQ, and its consumers; and a way to be rid of the former. Close it."""

    def __init__(self, url: str, queue: str) -> None:
        self._queue = queue
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self._channel = self._connection.channel()

    def close(self) -> None:
        self._connection.close()

    def __call__(self) -> tuple[int, int]:
        told = self._channel.queue_declare(self._queue, passive=True).method
        return told.message_count, told.consumer_count

    def empty(self) -> None:
        """Take away all that waits."""
        self._channel.queue_purge(self._queue)


class ListDepth:
    """The same of RQ's list in Valkey, and its workers."""

    def __init__(self, url: str, key: str) -> None:
        self._key, self._server = key, redis.Redis.from_url(url)

    def close(self) -> None:
        self._server.close()

    def __call__(self) -> tuple[int, int]:
        return int(self._server.llen(self._key)), int(self._server.scard("rq:workers"))

    def empty(self) -> None:
        """Take away all that waits."""
        self._server.delete(self._key)


def server_version(url: str) -> str:
    """Such as Valkey 8.1.0."""
    with closing(redis.Redis.from_url(url)) as server:
        info = server.info("server")
    return f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
