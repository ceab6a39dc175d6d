"""The settings that concern queues, as the broker sees them."""

import signal
from typing import Any

import pytest


def test_every_queue_is_durable_or_exclusive_and_remote_control_works(stack: Any, wait_until: Any, celery: Any) -> None:
    """RabbitMQ 4.3 refuses queues that are neither. Seen while a control reply and an event receiver exist too."""
    stack.worker("fast")
    with celery.connection() as connection, celery.events.Receiver(connection).consumer_context():
        pongs = wait_until(lambda: celery.control.ping(timeout=2), "an answer to a ping")
        queues = stack.vhost.queues()
    assert [answer for pong in pongs for answer in pong.values()] == [{"ok": "pong"}]
    assert any(name.startswith("celeryev") for name in queues) and any("pidbox" in name for name in queues)
    # Gone with their connection: nothing of a worker that died is left to be in the way of the next one.
    assert all(queue.get("exclusive") for name, queue in queues.items() if "pidbox" in name)
    transient = [name for name, queue in queues.items() if not queue["durable"] and not queue.get("exclusive")]
    assert not transient


@pytest.mark.parametrize("kind", ["quorum", "classic"])
def test_one_variable_says_the_type_of_every_queue_and_no_prefetch_is_global(stack: Any, kind: str) -> None:
    stack.change(lambda data: data["broker"].update(queue_type=kind))
    stack.worker("io")
    types = {name: queue["type"] for name, queue in stack.vhost.queues().items() if "pidbox" not in name}
    assert types.pop("records") == "stream"
    assert set(types.values()) == {kind}
    assert len([name for name in types if name.startswith("celery_delayed")]) == (28 if kind == "quorum" else 0)

    listed = stack.vhost.rabbit.rabbitmqctl(
        "-q", "list_channels", "-s", "vhost", "prefetch_count", "global_prefetch_count", "consumer_count"
    )
    ours = [line.split("\t") for line in listed.splitlines() if line.startswith(stack.vhost.name)]
    assert {line[2] for line in ours} == {"0"}, "a global prefetch: RabbitMQ 4.3 refuses it"
    consumers = stack.vhost.rabbit.rabbitmqctl(
        "-q", "list_consumers", "-s", "-p", stack.vhost.name, "queue_name", "prefetch_count"
    )
    assert f"io\t{stack.contract.pools['io'].prefetch}" in consumers


def test_a_worker_comes_back_under_its_name_while_the_broker_still_holds_the_dead_one(
    stack: Any, wait_until: Any, celery: Any
) -> None:
    """With an exclusive control queue of one name it would get 405 until the broker has missed enough heartbeats."""
    gone = stack.worker("fast")
    gone.signal(signal.SIGSTOP)
    back = stack.worker("fast", WARREN_DATA_DIR=str(stack.folder / "elsewhere"))
    sent = stack.send("noop")
    gone.signal(signal.SIGKILL)
    gone.ended()
    wait_until(lambda: [record["id"] for record in stack.records()] == [sent], back.log())
    assert wait_until(lambda: celery.control.ping(timeout=2), "an answer to a ping")


def test_two_workers_of_one_name_on_one_host_are_refused(stack: Any) -> None:
    stack.worker("fast")
    second = stack.run("worker", "fast")
    assert second.ended() == 1
    assert "--index" in second.log()


def test_workers_do_not_greet_each_other_and_heartbeats_are_on(stack: Any) -> None:
    # Less than the broker's own, or one could not tell whose wish it was.
    stack.change(lambda data: data["broker"].update(heartbeat="11s"))
    stack.worker("fast")
    assert not [name for name in stack.vhost.queues() if name.startswith("celeryev")], "gossip listens for events"
    listed = stack.vhost.rabbit.rabbitmqctl("-q", "list_connections", "-s", "vhost", "user", "timeout")
    timeouts = {line.split("\t")[2] for line in listed.splitlines() if line.startswith(f"{stack.vhost.name}\tworker")}
    assert timeouts == {str(round(stack.contract.broker.heartbeat))}


def test_a_queue_that_exists_with_other_arguments_is_explained(stack: Any) -> None:
    assert stack.channel, "the topology is declared"
    stack.change(lambda data: data["broker"].update(queue_type="classic"))
    worker = stack.run("worker", "fast")
    assert worker.ended() == 2
    assert "drain and delete it" in worker.log()
