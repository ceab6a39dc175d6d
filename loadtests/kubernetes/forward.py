"""A way to the front end where none leads in from outside: kubectl port-forward, kept up while it is needed."""

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from loadtests.kubernetes.kubectl import Kubectl, KubectlError

START = 30.0  # seconds
AGAIN = 0.5
SERVICE, PORT = "service/web", 80


@contextmanager
def forwarded(kubectl: Kubectl) -> Iterator[str]:
    """Its URL on this machine. It leads to one pod; when that goes, to another. Raises KubectlError."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ended, running = threading.Event(), [_start(kubectl, port)]
    first = _said(running[0])
    if not first:
        _, why = running[0].communicate(timeout=START)
        raise KubectlError(f"no way to {SERVICE} in {kubectl.namespace}: {why.strip()}")

    def keep() -> None:
        while not ended.is_set():
            running[0].wait()
            if not ended.wait(AGAIN):
                running[0] = _start(kubectl, port)
                _said(running[0])

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        ended.set()
        running[0].terminate()
        keeper.join(START)
        running[0].terminate()
        running[0].wait()


def _start(kubectl: Kubectl, port: int) -> "subprocess.Popen[str]":
    command = kubectl.command("port-forward", "--address=127.0.0.1", SERVICE, f"{port}:{PORT}")
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    except FileNotFoundError:
        raise KubectlError("kubectl is missing; install it: https://kubernetes.io/docs/tasks/tools/") from None


def _said(process: "subprocess.Popen[str]") -> bool:
    """Whether it listens; False when it ended instead. What it says later on nobody has to read."""
    assert process.stdout
    listening = bool(re.match(r"Forwarding from", process.stdout.readline()))
    if listening:
        for stream in (process.stdout, process.stderr):
            threading.Thread(target=_drain, args=(stream,), daemon=True).start()
    return listening


def _drain(stream: object) -> None:
    for _ in stream:  # type: ignore[attr-defined]
        pass
