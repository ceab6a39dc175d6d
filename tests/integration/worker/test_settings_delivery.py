"""The settings that concern the way of a task: confirmed, delayed, repeated, given up."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from app.broker.address import resolve_broker
from app.celery_app import create_app
from app.settings import Settings


@pytest.fixture
def add(stack: Any, celery: Any) -> Iterator[Any]:
    """The task `add` in this process, as another task or a script would send it."""
    assert stack.channel, "the topology is declared"
    yield celery.tasks["add"]
    celery.pool.force_close_all()


class Patiently:
    """Runs something that may hang, and says how it ended."""

    def __init__(self, call: Any) -> None:
        self.outcome: Any = "hangs"
        self._call = call
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._thread.join(40)

    def _run(self) -> None:
        try:
            self.outcome = self._call()
        except Exception as error:
            self.outcome = error


def test_a_message_the_broker_refuses_is_an_error_for_the_sender(stack: Any, add: Any) -> None:
    """Without publisher confirms it is gone in silence."""
    stack.vhost.rabbit.rabbitmqctl(
        "set_policy", "-p", stack.vhost.name, "--priority", "9", "full", "^fast$", '{"max-length": 1}'
    )
    outcomes = [Patiently(lambda: add.apply_async((1, 2))).outcome for _ in range(4)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert refused and len(outcomes) - len(refused) <= stack.waiting("fast") <= 3


def test_sending_ends_when_the_broker_blocks_publishers(stack: Any, add: Any, rabbit: Any) -> None:
    add.apply_async((1, 2))
    rabbit.memory_alarm(True)
    try:
        assert isinstance(Patiently(lambda: add.apply_async((1, 2))).outcome, Exception)
    finally:
        rabbit.memory_alarm(False)


def test_sending_ends_when_the_broker_is_away(stack: Any, add: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = create_app(
        stack.contract, Settings.load(), resolve_broker({"CELERY_BROKER_URL": "amqp://u:p@127.0.0.1:9/v"})
    )
    nowhere.loader.import_default_modules()
    assert isinstance(Patiently(lambda: nowhere.tasks["add"].apply_async((1, 2))).outcome, Exception)


def test_a_countdown_waits_in_the_broker_and_not_in_a_worker(stack: Any, add: Any, wait_until: Any) -> None:
    """Held in a worker it takes a place of the prefetch, and with many of them the worker reads nothing else."""
    stack.change(lambda data: data["pools"]["fast"].update(prefetch=1))
    stack.worker("fast")
    for _ in range(3):
        add.apply_async((1, 2), countdown=600)
    late = stack.send("noop", countdown=2)
    soon = stack.send("noop")
    assert [record["id"] for record in stack.recorded(2)] == [soon, late]


def test_a_retry_with_a_countdown_really_runs_again(stack: Any, failing_server: str) -> None:
    stack.worker("long", WARREN_DOWNLOAD_PRIVATE="true")
    sent = stack.send("download", failing_server)
    records = stack.recorded(2)
    assert [(r["id"], r["attempt"], r["state"]) for r in records] == [
        (sent, 1, "retry"),
        (sent, 2, "success"),
    ]
    assert {r["queue"] for r in records} == {"long"}


def test_a_task_that_kills_its_process_ends_as_a_dead_letter(stack: Any, wait_until: Any) -> None:
    stack.worker("long")
    sent = stack.send("fail", "kill", queue="long")
    after = stack.send("noop", queue="long")
    wait_until(lambda: stack.waiting("dead") == 1, "a dead letter")
    (dead,) = stack.take("dead")
    assert dead["id"] == sent and dead["x-death"][0]["queue"] == "long"
    assert [record["id"] for record in stack.recorded(1)] == [after], "the worker goes on"


def test_a_rejected_task_and_an_unknown_one_end_as_dead_letters(stack: Any, wait_until: Any) -> None:
    stack.worker("fast")
    sent = {stack.send("fail", "reject"), stack.send("no.such.task", queue="fast")}
    wait_until(lambda: stack.waiting("dead") == 2, "dead letters")
    assert {dead["id"] for dead in stack.take("dead")} == sent
    assert [record["state"] for record in stack.recorded(1)] == ["rejected"]


# A user's own task, which does not listen to the soft limit.
STUBBORN = """
import time
from celery import shared_task
@shared_task(name="stubborn")
def stubborn():
    while True:
        try:
            time.sleep(60)
        except Exception:
            pass
from app.worker.start import run_worker
run_worker("long", 0)
"""


def test_the_time_limits_end_a_task_for_good_and_are_recorded(stack: Any, wait_until: Any) -> None:
    stack.change(lambda data: data["pools"]["long"].update(soft_limit="500ms", hard_limit="1s"))
    stack.script(STUBBORN).wait_for("ready.")
    sent = [stack.send("cpu", 60, queue="long"), stack.send("stubborn", queue="long")]
    after = stack.send("noop", queue="long")
    wait_until(lambda: after in {record["id"] for record in stack.records()}, "the worker goes on")
    states = [(task, "failure") for task in sent] + [(after, "success")]
    assert [(r["id"], r["state"]) for r in stack.records()] == states, "one record each"


@pytest.mark.parametrize("limit", [{"max_tasks": 1}, {"max_memory": "10MB"}])
def test_a_child_that_grew_or_served_enough_is_replaced(stack: Any, wait_until: Any, limit: dict[str, Any]) -> None:
    stack.change(lambda data: data["pools"]["long"].update({"max_tasks": 1000, "max_memory": "1GB"} | limit))
    worker = stack.worker("long")
    children = {child.pid for child in psutil.Process(worker.pid).children()}
    stack.send("noop", queue="long")
    stack.recorded(1)
    wait_until(lambda: not children & {c.pid for c in psutil.Process(worker.pid).children()}, "new child processes")
    stack.send("noop", queue="long")
    stack.recorded(2)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_that_is_told_to_end_hands_its_task_back(stack: Any, wait_until: Any, celery: Any, how: int) -> None:
    """As systemd does to every process of a unit unless KillMode=mixed says otherwise."""
    worker = stack.worker("long")
    inspect = celery.control.inspect(destination=[f"long-0@{socket.gethostname()}"], timeout=2)
    sent = stack.send("sleep", 4, queue="long")
    # Taken by a child: what only waits in the main process for one is given to the next, and nobody redelivers it.
    wait_until(lambda: sent in str(inspect.active()), "the task to run")
    for child in psutil.Process(worker.pid).children():
        os.kill(child.pid, how)
    assert [(r["id"], r["state"], r["redelivered"]) for r in stack.recorded(1)] == [(sent, "success", True)]


def test_countdowns_are_set_up_on_the_connection_that_the_worker_has(stack: Any) -> None:
    """Celery visits every broker's address for it, and while one does not answer the worker's tasks wait in vain."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        port = silent.getsockname()[1]
        here = stack.vhost.url("worker")
        stack.worker("fast", CELERY_BROKER_URL=f"{here};{here.replace(f':{stack.address.hosts[0][1]}/', f':{port}/')}")
        sent = stack.send("noop", countdown=1)
        assert [record["id"] for record in stack.recorded(1)] == [sent]
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_countdowns_are_set_up_again_on_a_broker_that_lost_them(stack: Any, wait_until: Any) -> None:
    worker = stack.worker("fast")
    stack.channel.exchange_delete("celery_delayed_delivery")
    stack.close_connections("worker")
    wait_until(lambda: worker.log().count("Connected to") == 2, worker.log())
    sent = stack.send("noop", countdown=1)
    assert [record["id"] for record in stack.recorded(1)] == [sent]
