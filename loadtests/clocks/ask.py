"""Asks a machine for the time, again and again through one open pipe, and keeps the answer that took least.

F. Cristian, "Probabilistic clock synchronization", Distributed Computing 3 (1989): a stamp was made somewhere between
the question and its answer, so the middle is wrong by half the round trip at most, however unequal the two ways are.
The shortest round trip bounds it best; NTP's clock filter chooses likewise (RFC 5905, section 10).
"""

import contextlib
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Literal

from loadtests.analysis.clocks import Reading
from loadtests.analysis.stages import Stamper

# Runs there, given as an argument: an answer in nanoseconds for each line, until nobody asks any more.
PROGRAM = "import sys, time\nwhile sys.stdin.buffer.readline():\n    print(time.time_ns(), flush=True)\n"
TIMES = 20
ENOUGH = 1.0  # seconds of asking one machine
PATIENCE = 15.0  # seconds for one answer; the first one takes a connection


class NoAnswer(Exception):
    """The machine does not tell its time; the text says why."""


@dataclass(frozen=True)
class Way:
    """How to ask one machine. `command` runs PROGRAM there. `same`, `stamps`: see analysis.clocks.Clock."""

    machine: str
    command: tuple[str, ...]
    how: Literal["ssh", "kubectl exec"]
    same: bool
    stamps: tuple[Stamper, ...]


def best(samples: Iterable[tuple[int, int, int]]) -> Reading:
    """Of (asked, stamp over there, answered) in epoch nanoseconds. Raises NoAnswer when none is usable."""
    # Time that ran backwards here was set meanwhile.
    usable = [(answered - asked, asked, stamp) for asked, stamp, answered in samples if answered >= asked]
    if not usable:
        raise NoAnswer("this machine's own clock was set meanwhile")
    trip, asked, stamp = min(usable)
    # Whole nanoseconds as long as possible: an epoch second's float is good for a quarter of a microsecond.
    offset, bound = stamp - asked - trip / 2, trip / 2
    return Reading(at=asked / 1e9, offset=offset / 1e9, bound=bound / 1e9, count=len(usable))


def read(ways: Sequence[Way]) -> dict[str, Reading | NoAnswer]:
    """By machine. All connections are made at once; then one machine is asked after the other, undisturbed."""
    found: dict[str, Reading | NoAnswer] = {}
    with contextlib.ExitStack() as stack:
        for way, process, complaints in [(way, *stack.enter_context(_running(way))) for way in ways]:
            try:
                found[way.machine] = best(_samples(process))
            except NoAnswer as error:
                complaints.seek(0)
                said = complaints.read().decode(errors="replace").strip()
                found[way.machine] = NoAnswer(said.splitlines()[-1]) if said else error
    return found


@contextlib.contextmanager
def _running(way: Way) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    # A file: ssh's kept connection may hold on to a pipe beyond its command's end.
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            way.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, bufsize=0
        )
        try:
            yield process, complaints
        finally:
            process.terminate()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                assert pipe
                pipe.close()


def _samples(process: "subprocess.Popen[bytes]") -> list[tuple[int, int, int]]:
    assert process.stdin and process.stdout
    samples: list[tuple[int, int, int]] = []
    until = None
    while len(samples) < TIMES and (until is None or time.monotonic() < until):
        asked = time.time_ns()
        try:
            os.write(process.stdin.fileno(), b"\n")
        except OSError:
            raise NoAnswer("it could not be asked: the connection ended") from None
        line = _line(process.stdout.fileno())
        answered = time.time_ns()
        try:
            samples.append((asked, int(line), answered))
        except ValueError:
            raise NoAnswer(f"it answered {line!r}, which is no time") from None
        until = until or time.monotonic() + ENOUGH
    return samples


def _line(pipe: int) -> bytes:
    line, deadline, ready = b"", time.monotonic() + PATIENCE, select.poll()
    ready.register(pipe, select.POLLIN)
    while not line.endswith(b"\n"):
        if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise NoAnswer(f"no answer within {PATIENCE:g} s")
        more = os.read(pipe, 64)
        if not more:
            raise NoAnswer("the connection ended")
        line += more
    return line
