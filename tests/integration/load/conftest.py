"""One local stack for the tests of this folder, and Locust as a user starts it."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import psutil
import pytest

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.result import Result
from loadtests.local.processes import StackOptions
from loadtests.local.stack import LocalStack

ROOT = Path(__file__).parents[3]
TOKEN = "a token of the tests"
LIMIT = 90  # seconds for any one command


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A local stack that asks for a token."""
    options = StackOptions(stack_file=ROOT / "stack.yml", token=TOKEN)
    with LocalStack(tmp_path_factory.mktemp("load") / "stack", options, throwaway=True) as running:
        yield running


@dataclass
class Ended:
    """A command that ended: its exit code, what it said, and its results folder."""

    code: int
    said: str
    results: Path

    def result(self) -> Result:
        return analyse(self.results, Asked())

    def rows(self, query: str) -> list[tuple]:
        """`query` over TASKS, the run's records."""
        return duckdb.execute(query.replace("TASKS", f"'{self.results}/records.parquet'")).fetchall()


Locust = Callable[..., Ended]


@pytest.fixture
def locust(stack: LocalStack, tmp_path: Path) -> Locust:
    """Runs plain Locust, headless, with the token in the environment and part files in a folder of the test's own."""

    numbers = itertools.count(1)

    def run(*options: str, host: str = stack.url, token: str = TOKEN, **environment: str) -> Ended:
        results = tmp_path / f"results-{next(numbers)}"
        command = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests" / "locustfile.py"), "--headless"]
        command += ["--host", host, "--results", str(results), *options]
        # Not from the checkout: the file must find its own modules.
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | {"WARREN_TOKEN": token} | environment,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        return Ended(done.returncode, done.stdout + done.stderr, results)

    return run


def interrupt_once_it_sends(
    command: list[str], folder: Path, environment: dict[str, str], sends: str
) -> tuple[int, str, list[psutil.Process]]:
    """Ctrl-C for a command in `folder` when a file of the pattern `sends` has something in it.

    The exit code, what it said, and the processes it had then.
    """
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    found = None
    deadline = time.monotonic() + LIMIT
    while not found and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.2)
        found = next((each for each in folder.glob(sends) if each.stat().st_size), None)
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=LIMIT)
    assert found, said
    return process.returncode, said, children
