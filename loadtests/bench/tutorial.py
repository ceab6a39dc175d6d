"""The tutorials' stack beside ours, on the same RabbitMQ node in a vhost of its own: see benchmarks/tutorial."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from loadtests.bench.target import NoTarget
from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.local.child import die_with_parent
from loadtests.local.ports import LOOPBACK, free_ports
from loadtests.local.rabbitmq import rabbitmqctl
from loadtests.local.rabbitmq_files import ADMIN
from loadtests.local.stack import LocalStack

HERE = Path(__file__).parents[2] / "benchmarks" / "tutorial"
VHOST = "tutorial"
START, STOP = 30.0, 10.0


@contextmanager
def tutorial_stack(stack: LocalStack, progress: Callable[[str], None]) -> Iterator[str]:
    """Flask's own server and one stock `celery worker -c 2`, as long as the context lasts. Its URL. Raises NoTarget."""
    if not HERE.is_dir():
        raise NoTarget(f"--baseline needs {HERE}: run it from a checkout")
    progress("starting the tutorials' stack")
    rabbitmqctl(stack.node, "add_vhost", VHOST)
    rabbitmqctl(stack.node, "set_permissions", "-p", VHOST, ADMIN, ".*", ".*", ".*")
    port = free_ports(1)[0]
    records = stack.directory / "tutorial-records.ndjson"
    records.touch()
    environment = os.environ | {
        "TUTORIAL_BROKER": urlunsplit(urlsplit(stack.broker_url)._replace(path=f"/{VHOST}")),
        "TUTORIAL_RECORDS": str(records),
        "TUTORIAL_PORT": str(port),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    commands = (
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-c", "2", "-l", "WARNING"],
        [sys.executable, "web.py"],
    )
    children: list[subprocess.Popen[bytes]] = []
    with (stack.directory / "log" / "tutorial.log").open("wb") as log:
        try:
            for command in commands:
                child = subprocess.Popen(
                    command,
                    cwd=HERE,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    preexec_fn=die_with_parent,
                )
                children.append(child)
            url = f"http://{LOOPBACK}:{port}"
            _wait(url, children)
            yield url
        finally:
            for child in children:
                child.terminate()
            for child in children:
                _end(child)


def _wait(url: str, children: "list[subprocess.Popen[bytes]]") -> None:
    front, deadline = FrontEnd(url), time.monotonic() + START
    while time.monotonic() < deadline:
        if any(child.poll() is not None for child in children):
            break
        try:
            front.get("/readyz")
            return
        except FrontEndError:
            time.sleep(0.2)
    raise NoTarget("the tutorials' stack did not start; its log is in the stack's folder, log/tutorial.log")


def _end(child: "subprocess.Popen[bytes]") -> None:
    try:
        child.wait(STOP)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
