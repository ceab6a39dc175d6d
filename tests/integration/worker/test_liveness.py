"""`python -m app alive`: a stopped loop is noticed, a lost broker is not mistaken for one."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def alive(stack: Any, file: Path) -> bool:
    """What a probe would see."""
    command = [sys.executable, "-m", "app", "alive", "--max-age", "3"]
    done = subprocess.run(command, env=stack.env | {"WARREN_HEARTBEAT_FILE": str(file)}, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "alive"


def impatient(data: dict[str, Any]) -> None:
    """The loop counts as stopped after 2.2 s."""
    data["broker"]["heartbeat"] = "2s"
    data["pools"]["fast"]["longest_task"] = "200ms"


@pytest.mark.parametrize("pool", ["fast", "long"])
def test_a_frozen_process_is_not_alive(stack: Any, wait_until: Any, file: Path, pool: str) -> None:
    worker = stack.worker(pool, WARREN_HEARTBEAT_FILE=str(file))
    wait_until(lambda: alive(stack, file), "alive")
    worker.signal(signal.SIGSTOP)
    wait_until(lambda: not alive(stack, file), "not alive while frozen")
    worker.signal(signal.SIGCONT)
    wait_until(lambda: alive(stack, file), "alive again")
    worker.stop()
    assert not file.exists()


def test_a_task_that_blocks_the_loop_is_noticed(stack: Any, wait_until: Any, file: Path) -> None:
    stack.change(impatient)
    stack.worker("fast", WARREN_HEARTBEAT_FILE=str(file))
    wait_until(lambda: alive(stack, file), "alive")
    stack.send("sleep", 15, queue="fast")  # long enough for slow probes to see
    wait_until(lambda: not alive(stack, file), "not alive while the loop stands still")
    wait_until(lambda: alive(stack, file), "alive again")


def test_a_task_that_blocks_the_loop_before_its_first_turn_is_noticed(stack: Any, file: Path) -> None:
    """As a message does that was there before the worker."""
    stack.change(impatient)
    stack.send("sleep", 15, queue="fast")
    stack.worker("fast", WARREN_HEARTBEAT_FILE=str(file)).wait_for("the consumer loop has stood still")


def test_a_long_task_does_not_count_as_a_stopped_loop(stack: Any, wait_until: Any, file: Path) -> None:
    stack.change(impatient)
    worker = stack.worker("long", WARREN_HEARTBEAT_FILE=str(file))
    stack.send("sleep", 6, queue="long")
    wait_until(lambda: alive(stack, file), "alive")
    while not stack.records():
        assert alive(stack, file), worker.log()
    assert "not alive" not in worker.log()


def test_a_lost_broker_is_no_reason_to_restart(stack: Any, rabbit: Any, wait_until: Any, file: Path) -> None:
    stack.change(impatient)
    workers = [stack.worker(pool, WARREN_HEARTBEAT_FILE=str(file) if pool == "fast" else "") for pool in ("fast", "io")]
    rabbit.kill()
    try:
        for worker in workers:
            worker.wait_for("onnection")
        for _ in range(20):
            assert alive(stack, file), workers[0].log()
    finally:
        rabbit.start()
    # PAINS 11: the connection is back, but nothing is consumed.
    sent = {stack.send("noop", queue=queue) for queue in ("fast", "io")}
    wait_until(lambda: sent == {record["id"] for record in stack.records()}, "consuming again")
    assert alive(stack, file)


def test_a_broker_that_refuses_for_a_while_is_asked_again(stack: Any, wait_until: Any) -> None:
    """As one does that is coming up: its port is open before its queues, users and vhosts are there."""
    worker = stack.worker("fast")
    rabbitmqctl, vhost = stack.vhost.rabbit.rabbitmqctl, stack.vhost.name
    rabbitmqctl("set_permissions", "-p", vhost, "worker", "^$", "^$", "^$")
    stack.close_connections("worker")
    worker.wait_for("the broker is not ready")
    rabbitmqctl("set_permissions", "-p", vhost, "worker", ".*", ".*", ".*")
    sent = stack.send("noop")
    wait_until(lambda: [record["id"] for record in stack.records()] == [sent], "consuming again")
