"""A private RabbitMQ node as a child process: own name, epmd, ports, cookie and folder, only on 127.0.0.1."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pika
import pika.exceptions

from app.contract import Contract
from loadtests.local.child import die_with_parent
from loadtests.local.errors import BrokerFailed
from loadtests.local.ports import LOOPBACK
from loadtests.local.rabbitmq_files import ADMIN, DISK_FREE, MEMORY_WATERMARK, NodeFiles, prepare
from loadtests.local.rabbitmq_program import RabbitMQProgram, installed

Progress = Callable[[str], None]
NO_DISK_HAS = 10**18  # bytes


def accepts_connections(files: NodeFiles) -> bool:
    """Whether a client can log in now."""
    try:
        # First without pika, which logs each refused attempt at length.
        socket.create_connection((LOOPBACK, files.amqp_port), timeout=2).close()
    except OSError:
        return False
    parameters = pika.URLParameters(files.url(ADMIN))
    parameters.socket_timeout = parameters.stack_timeout = 2
    parameters.connection_attempts = 1
    try:
        pika.BlockingConnection(parameters).close()
    except (pika.exceptions.AMQPError, OSError):
        return False
    return True


def rabbitmqctl(files: NodeFiles, *arguments: str, timeout: float = 60) -> str:
    """Run rabbitmqctl against the node and return what it printed. Raises BrokerFailed with its complaint."""
    command = [files.program.script("rabbitmqctl"), "--node", files.node_name, *arguments]
    try:
        done = subprocess.run(command, env=files.environment(), capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise BrokerFailed(f"rabbitmqctl {arguments[0]} did not end within {timeout:.0f} s") from error
    if done.returncode:
        raise BrokerFailed(f"rabbitmqctl {arguments[0]} failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def set_memory_alarm(files: NodeFiles, on: bool) -> None:
    """Raise the node's memory alarm, which blocks every publisher, or clear it."""
    # The documented way to block all publishing: a watermark of 0.
    rabbitmqctl(files, "set_vm_memory_high_watermark", "0" if on else str(MEMORY_WATERMARK))


def set_disk_alarm(files: NodeFiles, on: bool) -> None:
    """Raise the node's disk alarm, which blocks every publisher too, or clear it."""
    rabbitmqctl(files, "set_disk_free_limit", str(NO_DISK_HAS) if on else str(DISK_FREE))


class RabbitMQNode:
    """One node and its epmd, children of this process: they end with it, whatever happens. A context manager.

    Start it from a thread that lives as long as the node is needed (Linux ties children to threads).
    """

    def __init__(
        self,
        directory: Path,
        contract: Contract,
        *,
        management: bool = False,
        program: RabbitMQProgram | None = None,
    ) -> None:
        self.files = prepare(directory, contract, program or installed(), management)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "RabbitMQNode":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, progress: Progress = lambda text: None, timeout: float = 90) -> None:
        """Start and wait until clients can log in. Whatever goes wrong, Ctrl-C included, leaves nothing running."""
        progress("starting RabbitMQ " + ".".join(map(str, self.version)))
        try:
            if self._epmd is None or self._epmd.poll() is not None:
                self._epmd = self._spawn(self.files.epmd_command, "epmd.log")
            self._server = self._spawn(self.files.server_command, "broker.log")
            self._wait_ready(progress, timeout)
        except BaseException:
            self.kill()
            self._stop_epmd()
            raise
        progress("RabbitMQ is ready")

    def stop(self, timeout: float = 30) -> None:
        """End the node in order, then its epmd; kill what does not end in time."""
        if self._server:
            _end(self._server, signal.SIGTERM, timeout)
            self._server = None
        self._stop_epmd()

    def kill(self) -> None:
        """kill -9 the broker, as a crash would. Its epmd stays; `start` starts it again with all its durable data."""
        if self._server:
            _end(self._server, signal.SIGKILL, 30)
            self._server = None

    def restart(self, progress: Progress = lambda text: None) -> None:
        """Stop in order and start again: same ports, passwords and data."""
        if self._server:
            _end(self._server, signal.SIGTERM, 30)
        self.start(progress)

    def pause(self) -> None:
        """Stop the broker's process in its tracks (SIGSTOP): connections stay open and nothing answers."""
        if self._server:
            self._server.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Undo `pause`."""
        if self._server:
            self._server.send_signal(signal.SIGCONT)

    def memory_alarm(self, on: bool) -> None:
        """Raise the memory alarm (publishers are blocked) or clear it."""
        set_memory_alarm(self.files, on)

    def rabbitmqctl(self, *arguments: str) -> str:
        """Run rabbitmqctl against this node."""
        return rabbitmqctl(self.files, *arguments)

    def url(self, role: str = ADMIN) -> str:
        """amqp://… for a role: admin, web, worker, beat, consumer, monitor."""
        return self.files.url(role)

    @property
    def version(self) -> tuple[int, ...]:
        """Such as (3, 10, 8)."""
        return self.files.program.version

    @property
    def pid(self) -> int | None:
        """The broker's process, None while it is stopped."""
        return self._server.pid if self._server and self._server.poll() is None else None

    def log(self) -> str:
        """All that the broker has printed."""
        return (self.files.directory / "log/broker.log").read_text(errors="replace")

    def _spawn(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        with (self.files.directory / "log" / log).open("ab") as output:
            return subprocess.Popen(
                command,
                env=self.files.environment(),
                cwd=self.files.directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C at the terminal is ours to handle
                preexec_fn=die_with_parent,
            )

    def _wait_ready(self, progress: Progress, timeout: float) -> None:
        began = time.monotonic()
        while not accepts_connections(self.files):
            waited = time.monotonic() - began
            if self._server and self._server.poll() is not None:
                raise BrokerFailed(f"RabbitMQ ended while starting:\n{self.log()[-2000:]}")
            if waited > timeout:
                raise BrokerFailed(f"RabbitMQ was not ready within {timeout:.0f} s:\n{self.log()[-2000:]}")
            progress(f"waiting for RabbitMQ, {waited:.0f} s")
            time.sleep(0.25)

    def _stop_epmd(self) -> None:
        if self._epmd:
            _end(self._epmd, signal.SIGTERM, 5)
            self._epmd = None


def _end(process: subprocess.Popen[bytes], how: signal.Signals, timeout: float) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)  # a paused process cannot end in order
        process.send_signal(how)
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
