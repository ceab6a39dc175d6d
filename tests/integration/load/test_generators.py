"""Locust's master and workers as on machines of their own: each in a folder of its own, sharing but the network."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.local.ports import free_ports
from loadtests.local.stack import LocalStack

from .conftest import LIMIT, ROOT, TOKEN, Ended, Locust

LOCUST = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests" / "locustfile.py")]


class Machines:
    """A master and its workers."""

    def __init__(self, folder: Path, host: str) -> None:
        self.folder, self.host, self._started = folder, host, dict[str, subprocess.Popen[str]]()
        (self.port,) = free_ports(1)

    def start(self, *options: str, workers: int = 2) -> None:
        bind = ["--headless", "--host", self.host, "--master-bind-host", "127.0.0.1"]
        bind += ["--master-bind-port", str(self.port), "--expect-workers", str(workers)]
        # A relative folder: what of it belongs to which machine is the point.
        self._run("master", "--master", *bind, "--results", "results", *options)
        for number in range(workers):
            self._run(f"worker-{number}", "--worker", "--master-host", "127.0.0.1", "--master-port", str(self.port))

    def _run(self, name: str, *options: str) -> None:
        (self.folder / name).mkdir()
        with (self.folder / f"{name}.log").open("w") as log:
            self._started[name] = subprocess.Popen(
                [*LOCUST, *options],
                cwd=self.folder / name,
                env=os.environ | {"WARREN_TOKEN": TOKEN},
                stdout=log,
                stderr=log,
                text=True,
            )

    def kill(self, name: str) -> None:
        self._started[name].send_signal(signal.SIGKILL)
        self._started[name].wait()

    def ended(self) -> Ended:
        """Once all have ended by themselves."""
        codes = {name: each.wait(LIMIT) for name, each in self._started.items()}
        return Ended(codes["master"], (self.folder / "master.log").read_text(), self.folder / "master" / "results")

    def stop(self) -> None:
        for each in self._started.values():
            each.kill()
            each.wait()


@pytest.fixture
def machines(stack: LocalStack, tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path, stack.url)
    try:
        yield made
    finally:
        made.stop()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)


PLAN = "SELECT round(scheduled - min(scheduled) OVER (), 3) FROM TASKS ORDER BY 1"


def test_they_send_one_plan_and_the_masters_folder_is_the_whole_run(machines: Machines, locust: Locust):
    what = ("-u", "10", "--tasks", "120", "--rate", "60", "--warmup", "0")
    machines.start(*what)
    several = machines.ended()
    assert several.code == 0, several.said
    book = several.result().ledger
    assert (book.sent, book.finished, book.balanced, book.strangers) == (120, 120, True, 0)
    alone = locust(*what)
    alone.result()
    assert several.rows(PLAN) == alone.rows(PLAN)
    sends = sorted(several.results.glob("parts/run/sends-*"))
    assert [len(each.read_text().splitlines()) for each in sends] == [60, 60]
    assert len(list(several.results.glob("parts/run/self-*"))) == 2
    # Nothing is left that somebody would have to fetch.
    assert not [*machines.folder.glob("worker-*/**/*.ndjson")]


def test_a_worker_that_dies_makes_the_run_invalid_and_the_books_right_for_what_was_accepted(machines: Machines):
    machines.start("-u", "10", "--tasks", "400", "--rate", "80", "--warmup", "0")
    results = machines.folder / "master" / "results"
    until(lambda: len([each for each in results.glob("parts/run/sends-*") if each.stat().st_size]) == 2)
    machines.kill("worker-0")
    ended = machines.ended()
    assert (ended.code, "is lost: the rest of its share" in ended.said) == (1, True), ended.said
    found = analyse(results, Asked())
    (dead,) = [each for each in found.reasons if "was lost" in each]
    assert (found.valid, found.latency["scheduled_to_finished"].p50) == (False, None)
    assert "the rest of its share (one of 2) was not sent" in dead
    lines = sorted(len(each.read_text().splitlines()) for each in results.glob("parts/run/sends-*"))
    # The other one sent all of its share.
    assert (lines[0] < 200, lines[1]) == (True, 200)
    assert f"with {lines[0]} tasks sent" in dead
    book = found.ledger
    assert (book.accepted, book.finished, book.missing, book.balanced) == (sum(lines), sum(lines), 0, True)
