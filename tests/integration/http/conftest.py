"""The front end as users run it: `python -m app web` under its server, beside real workers on a real broker."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from app.broker import topology
from app.broker.url import parse_url
from app.contract import Contract
from loadtests.local.ports import free_ports

from ...front_end import FrontEnd, wait_until

ROOT = Path(__file__).parents[3]


class Processes:
    """Starts processes of the app in one vhost and ends them."""

    def __init__(self, vhost: Any, folder: Path) -> None:
        self._vhost, self.folder = vhost, folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, *arguments: str, role: str, **settings: str) -> subprocess.Popen[bytes]:
        """`python -m app <arguments>`, with these settings in its environment; its output in `<arguments>.log`."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        given = {
            "STACK_FILE": str(ROOT / "stack.yml"),
            "CELERY_BROKER_URL": self._vhost.url(role),
            "WARREN_DATA_DIR": str(self.folder / "data"),
            "PYTHONPATH": str(ROOT),
        }
        with (self.folder / f"{'-'.join(arguments)}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "app", *arguments],
                env=kept | given | settings,
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        self._running.append(process)
        return process

    def web(self, until: Callable[[FrontEnd], bool] = FrontEnd.is_ready, **settings: str) -> FrontEnd:
        """A front end, once it is ready."""
        port = free_ports(1)[0]
        process = self.start("web", role="web", **{"WARREN_PORT": str(port)} | settings)
        front = FrontEnd(f"http://127.0.0.1:{port}")
        if token := settings.get("WARREN_TOKEN"):
            front.headers["Authorization"] = f"Bearer {token}"

        def ready() -> bool:
            assert process.poll() is None, (self.folder / "web.log").read_text()
            return until(front)

        wait_until(ready, "the front end's start")
        return front

    @property
    def last(self) -> "subprocess.Popen[bytes]":
        """The process started last."""
        return self._running[-1]

    def end(self) -> None:
        for process in self._running:
            process.terminate()
        for process in self._running:
            process.wait(30)


@pytest.fixture(scope="module")
def declared(module_vhost: Any, contract: Contract) -> Any:
    """The module's vhost, with the stack's queues, as a worker would have declared them."""
    with pika.BlockingConnection(pika.URLParameters(module_vhost.url())) as connection:
        topology.declare(connection.channel(), contract)
    return module_vhost


@pytest.fixture(scope="module")
def processes(declared: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processes]:
    """Starts more processes beside `front`; all end with the module."""
    started = Processes(declared, tmp_path_factory.mktemp("app"))
    yield started
    started.end()


@pytest.fixture(scope="module")
def front(processes: Processes) -> FrontEnd:
    """A front end without any worker."""
    return processes.web()


@pytest.fixture(scope="module")
def workers(processes: Processes, front: FrontEnd) -> Processes:
    """One worker of each pool."""
    pools = ("fast", "io", "long")  # each has one queue, of its own name
    for pool in pools:
        processes.start("worker", pool, role="worker")

    def all_consume() -> bool:
        return all(q["consumers"] for q in front.get("/queues").json()["queues"] if q["name"] in pools)

    wait_until(all_consume, "the workers' start")
    return processes


@pytest.fixture
def channel(declared: Any, contract: Contract) -> Iterator[Any]:
    """A channel of the test's own, as the broker's administrator."""
    parameters = parse_url(declared.url(), "test").pika_parameters(contract)
    with pika.BlockingConnection(parameters) as connection:
        yield connection.channel()
