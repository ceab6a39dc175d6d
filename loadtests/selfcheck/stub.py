"""A front end whose behaviour is known: it takes any task and answers 202 after a time that it draws itself.

The n-th answer takes `floor` seconds and an exponential part with mean `spread`. The parts come from the golden-ratio
sequence rather than from chance: it fills the unit interval so evenly that any run of some hundred answers has the
percentiles of the distribution itself, and two instruments that see different answers see the same percentiles.
"""

import argparse
import itertools
import math
import socket
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.local.ports import LOOPBACK, free_ports
from loadtests.selfcheck.ground import ProgramFailed, child

GOLDEN = (math.sqrt(5) - 1) / 2
# Connections that wait to be taken while the process is stopped. The kernel's own limit is 4096 on today's Linux.
BACKLOG = 2048
START = 60.0


@dataclass(frozen=True)
class Answers:
    """How long the front end's answers take, in seconds."""

    floor: float
    spread: float = 0.0

    def quantile(self, share: float) -> float:
        """What this share of the answers takes at most."""
        return self.floor - self.spread * math.log1p(-share)

    def each(self) -> Iterator[float]:
        """Without end."""
        return (self.quantile((number + 0.5) * GOLDEN % 1) for number in itertools.count())


@dataclass(frozen=True)
class Stub:
    url: str
    pid: int


@contextmanager
def stub(answers: Answers, folder: Path, name: str = "front-end") -> Iterator[Stub]:
    """Such a front end in a process of its own, as long as the context lasts. Raises ProgramFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    command = [sys.executable, "-m", __name__, str(port), repr(answers.floor), repr(answers.spread)]
    log = folder / f"{name}.log"
    with child(command, log) as process:
        url = f"http://{LOOPBACK}:{port}"
        front, deadline = FrontEnd(url), time.monotonic() + START
        while True:
            try:
                front.get("/readyz")
                break
            except FrontEndError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ProgramFailed(f"a front end of ours did not start; see {log}") from error
                time.sleep(0.1)
        yield Stub(url, process.pid)


def application(answers: Answers) -> Callable[..., Iterable[bytes]]:
    """As WSGI. What it does not know is 404, so that nothing is read of what becomes of the tasks."""
    import gevent

    times = answers.each()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        status = "404 Not Found"
        if environ["PATH_INFO"] == "/readyz":
            status = "200 OK"
        elif environ["REQUEST_METHOD"] == "POST":
            environ["wsgi.input"].read()
            gevent.sleep(next(times))
            status = "202 Accepted"
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", "2")])
        return [b"{}"]

    return answer


def serve(port: int, answers: Answers) -> None:
    """Until it is killed."""
    from gevent.pywsgi import WSGIServer

    class AtOnce(WSGIServer):
        def handle(self, connection: socket.socket, address: Any) -> None:
            # Head and body are two writes; Nagle's algorithm would hold the second back by 40 ms.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            super().handle(connection, address)

    AtOnce((LOOPBACK, port), application(answers), backlog=BACKLOG, log=None).serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("floor", type=float)
    parser.add_argument("spread", type=float)
    given = parser.parse_args()
    serve(given.port, Answers(given.floor, given.spread))
