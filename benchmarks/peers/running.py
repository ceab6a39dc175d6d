"""A peer's processes, as long as a context lasts."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers.catalogue import Command
from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.local.child import die_with_parent

ROOT = Path(__file__).parents[2]
START, STOP = 30.0, 15.0

Child = subprocess.Popen[bytes]


class PeerFailed(Exception):
    """A peer could not be started or measured; the text holds the end of its log."""


@contextmanager
def running(commands: list[Command], environment: dict[str, str], log: Path) -> Iterator[list[Child]]:
    """The processes; whatever ends the context ends them, with their children."""
    children: list[Child] = []
    with log.open("ab") as output:
        try:
            for command in commands:
                child = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    start_new_session=True,  # Ctrl-C is ours to handle: they shall end in order
                    preexec_fn=die_with_parent,
                )
                children.append(child)
            yield children
        finally:
            _end(children)


def wait_ready(url: str, children: list[Child], log: Path) -> None:
    """Until the front end answers. Raises PeerFailed."""
    front, deadline = FrontEnd(url), time.monotonic() + START
    while time.monotonic() < deadline:
        check(children, log)
        try:
            front.get("/readyz")
            return
        except FrontEndError:
            time.sleep(0.1)
    raise PeerFailed(f"the front end did not answer within {START:.0f} s; {tail(log)}")


def check(children: list[Child], log: Path) -> None:
    """Raises PeerFailed when one of them has ended."""
    if ended := [child for child in children if child.poll() is not None]:
        raise PeerFailed(f"a process ended with code {ended[0].returncode}; {tail(log)}")


def tail(log: Path) -> str:
    """The end of a log, for people."""
    return f"{log} ends with:\n{log.read_text(errors='replace')[-1500:].strip()}"


def _end(children: list[Child]) -> None:
    try:
        for child in children:
            child.terminate()
        deadline = time.monotonic() + STOP
        for child in children:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(max(0.1, deadline - time.monotonic()))
    finally:  # also what a parent that died by itself left, and after a Ctrl-C in here
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
