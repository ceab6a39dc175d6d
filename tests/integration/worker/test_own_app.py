"""The example of the role celery: an app of one's own runs as the unit runs it, and tells systemd what it should."""

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

ROOT = Path(__file__).parents[3]
EXAMPLE = ROOT / "ansible/roles/celery/example"


def test_the_example_works_is_ready_and_feeds_the_watchdog(vhost: Any, tmp_path: Path) -> None:
    (tmp_path / "broker").write_text(vhost.url("worker") + "\n")
    environment = {
        "PYTHONPATH": str(EXAMPLE),
        "CELERY_BROKER_URL_FILE": str(tmp_path / "broker"),
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
    }
    command = [sys.executable, "-m", "celery", "--app", "shop.tasks", "worker", "--queues", "fast", "--pool", "threads"]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd, (tmp_path / "log").open("w") as log:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        worker = subprocess.Popen(
            [*command, "--loglevel", "INFO"], env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=tmp_path
        )
        try:
            assert both(systemd), (tmp_path / "log").read_text()
            app = Celery(broker=vhost.url())
            app.conf.task_default_exchange, app.conf.task_default_exchange_type = "tasks", "topic"
            app.send_task("shop.tasks.order", (7,), exchange="tasks", routing_key="fast")
            assert said(tmp_path / "log", "order 7 is on its way")
        finally:
            worker.terminate()
            worker.wait(30)


def both(systemd: socket.socket) -> bool:
    """Whether systemd is told that the worker is ready, and then that it lives."""
    try:
        return {systemd.recv(100), systemd.recv(100)} == {b"READY=1", b"WATCHDOG=1"}
    except TimeoutError:
        return False


def said(log: Path, words: str) -> bool:
    for _ in range(150):
        if words in log.read_text():
            return True
        time.sleep(0.2)
    pytest.fail(log.read_text())
