"""A private RabbitMQ node: reachable on loopback only, by its own users only, and gone when it should be."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pika
import pika.exceptions
import psutil
import pytest

from app.contract import Contract
from loadtests.local.ports import is_free
from loadtests.local.rabbitmq import RabbitMQNode


def connect(url: str) -> pika.BlockingConnection:
    return pika.BlockingConnection(pika.URLParameters(url))


def test_guest_is_refused_and_our_users_are_let_in(rabbit: RabbitMQNode) -> None:
    with connect(rabbit.url("web")) as connection:
        assert connection.is_open
    port = rabbit.files.amqp_port
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        connect(f"amqp://guest:guest@127.0.0.1:{port}/%2F")


def test_a_role_cannot_touch_what_is_not_its_business(rabbit: RabbitMQNode) -> None:
    with connect(rabbit.url("monitor")) as connection:
        channel = connection.channel()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            channel.queue_declare("fast", durable=True)


@pytest.mark.parametrize("queue", ["fast", "plain", "dead", "records"])
def test_the_front_ends_login_can_neither_make_nor_delete_what_carries_work(rabbit: RabbitMQNode, queue: str) -> None:
    with connect(rabbit.url("web")) as connection:
        for attempt in (lambda c: c.queue_declare(queue, durable=True), lambda c: c.queue_delete(queue)):
            with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
                attempt(connection.channel())


def test_it_listens_on_loopback_only(rabbit: RabbitMQNode) -> None:
    listening = [c for c in psutil.Process(rabbit.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert {c.laddr.port for c in listening} >= {rabbit.files.amqp_port, rabbit.files.dist_port}
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_a_durable_message_survives_kill_9(tmp_path: Path, contract: Contract) -> None:
    with RabbitMQNode(tmp_path, contract) as node:
        with connect(node.url()) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.queue_declare("kept", durable=True, arguments={"x-queue-type": "quorum"})
            channel.basic_publish("", "kept", b"still here", pika.BasicProperties(delivery_mode=2))
        # RabbitMQ notes a new quorum queue's existence on disk only some moments after it was declared; killed before
        # that, 3.10 comes back with a queue that answers nothing for ever.
        time.sleep(3)
        node.kill()
        assert node.pid is None
        node.start()
        with connect(node.url()) as connection:
            assert connection.channel().basic_get("kept")[2] == b"still here"
        ports = [node.files.amqp_port, node.files.epmd_port, node.files.dist_port]
    assert all(is_free(port) for port in ports)


def test_it_ends_with_a_parent_that_was_killed(tmp_path: Path, root: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from app.contract import load_contract;"
        "from loadtests.local.rabbitmq import RabbitMQNode;"
        "node = RabbitMQNode(Path(sys.argv[1]), load_contract('stack.yml')); node.start(); print('up', flush=True);"
        "time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "up\n"
    children = psutil.Process(parent.pid).children(recursive=True)
    assert len(children) >= 2
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=30)
    for child in alive:
        child.kill()
    assert alive == []
