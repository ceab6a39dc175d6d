"""The whole stack on this machine: a RabbitMQ of its own and the app's processes, under supervisord, on loopback.

with LocalStack(Path(".warren/mine"), throwaway=True) as stack:
    requests.post(f"{stack.url}/tasks/noop")
"""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import psutil

from app.contract import load_contract
from loadtests import interrupt
from loadtests.local import folder, rabbitmq
from loadtests.local.ending import clear_leftovers, end_stack
from loadtests.local.errors import StackError
from loadtests.local.process_state import ProcessState, read_processes
from loadtests.local.processes import StackOptions
from loadtests.local.rabbitmq_files import ADMIN, NodeFiles, read
from loadtests.local.rabbitmq_program import RabbitMQProgram, installed
from loadtests.local.readiness import Waiting, wait_for_app, wait_for_broker
from loadtests.local.starting import choose_port, renew_app, spawn, start_in_order
from loadtests.local.state import StackState, locked
from loadtests.local.supervisor import Supervisor

Progress = Callable[[str], None]
# Seconds that running tasks get when a stack is stopped because something went wrong, or by Ctrl-C.
_HASTE = 10.0


class LocalStack:
    """One stack in one folder.

    `bound`: it ends when this process ends, however that happens (Linux; start it from a thread that lives as long).
    `throwaway`: stopping it removes its folder.
    """

    def __init__(
        self,
        directory: Path,
        options: StackOptions | None = None,
        *,
        bound: bool = True,
        throwaway: bool = False,
        program: RabbitMQProgram | None = None,
    ) -> None:
        self.directory = directory.absolute()
        self.options = options or StackOptions()
        self._bound, self._throwaway, self._program = bound, throwaway, program
        self._supervisord: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "LocalStack":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(grace=_HASTE if kind else None)

    def start(self, progress: Progress = lambda text: None) -> None:
        """Start everything and wait until all of it is ready. Raises StackError or ContractError.

        Whatever goes wrong, Ctrl-C included, leaves no process and no port behind.
        """
        contract = load_contract(self.options.stack_file)
        program = self._program or installed()
        with locked(self.directory):
            self._refuse_if_up()
            clear_leftovers(self.directory, progress)
            port = choose_port(self.options)
            folder.claim(self.directory)
            try:
                self._supervisord = spawn(self.directory, self.options, port, contract, program, self._bound)
                start_in_order(self.directory, contract, program, self._supervisord, progress)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    interrupt.noticed()
                    progress("interrupted; stopping what was started")
                self._stop(progress, _HASTE)
                raise

    def renew(self, options: StackOptions, progress: Progress = lambda text: None) -> None:
        """Go on with another stack.yml or environment: the app's processes anew, broker, port and data as they are.

        What was declared on the broker stays, so the queues must be of the same type. Raises StackError.
        """
        contract = load_contract(options.stack_file)
        with locked(self.directory):
            self._need_state()
            self.options = options
            renew_app(self.directory, options, contract, self._program or installed(), progress)

    def stop(self, progress: Progress = lambda text: None, grace: float | None = None) -> bool:
        """Stop everything in order: front end, workers, broker. False when there was nothing to stop.

        Running tasks are waited for as long as stack.yml says, or `grace` seconds; then what is left is killed.
        """
        with locked(self.directory):
            return self._stop(progress, grace)

    def processes(self) -> list[ProcessState]:
        """All children as they are now. Raises StackError when the stack is down."""
        return read_processes(self.directory, self._need_state())

    def kill(self, name: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a child; returns the pid it had. The supervisor starts it again when it ends."""
        process = next((process for process in self.processes() if process.name == name), None)
        if process is None or process.pid is None:
            raise StackError(f"there is no running process {name!r} here")
        os.kill(process.pid, how)
        if how == signal.SIGKILL:
            psutil.wait_procs([psutil.Process(process.pid)] if psutil.pid_exists(process.pid) else [], timeout=10)
        return process.pid

    def stop_broker(self) -> None:
        """Stop RabbitMQ in order and leave it stopped."""
        self._supervisor.rpc().stopProcess("rabbitmq:rabbitmq")

    def start_broker(self, progress: Progress = lambda text: None) -> None:
        """Start it again, with the same data and ports, and wait until it takes connections."""
        self._supervisor.rpc().startProcess("rabbitmq:rabbitmq", False)
        wait_for_broker(self.node, Waiting(self._supervisor, progress))

    def restart_broker(self) -> None:
        """Stop RabbitMQ in order and start it again."""
        self.stop_broker()
        self.start_broker()

    def memory_alarm(self, on: bool) -> None:
        """Raise RabbitMQ's memory alarm, which blocks all publishers, or clear it."""
        rabbitmq.set_memory_alarm(self.node, on)

    def disk_alarm(self, on: bool) -> None:
        """Raise RabbitMQ's disk alarm, which blocks all publishers as well, or clear it."""
        rabbitmq.set_disk_alarm(self.node, on)

    def wait_ready(self, progress: Progress = lambda text: None, timeout: float = 60) -> None:
        """Wait until the broker, the front end and every worker work (again)."""
        state = self._need_state()
        waiting = Waiting(self._supervisor, progress, timeout=timeout)
        wait_for_broker(self.node, waiting)
        wait_for_app(state, load_contract(state.stack_file), waiting)

    def crashes(self) -> dict[str, int]:
        """Child → how often it ended unasked; only those that did."""
        return self._supervisor.history().crashes

    def log(self, name: str) -> str:
        """All that a child has printed."""
        return self._supervisor.child_log(name).read_text(errors="replace")

    @property
    def state(self) -> StackState | None:
        """What is noted of it; None when it is down."""
        return StackState.read(self.directory)

    @property
    def url(self) -> str:
        """The front end's URL."""
        return self._need_state().url

    @property
    def token(self) -> str | None:
        """The token that requests need, if any."""
        return self._need_state().token

    @property
    def node(self) -> NodeFiles:
        """The RabbitMQ node: `.url(role)`, `.amqp_port`, `.management_port`."""
        return read(self.directory / "rabbitmq", self._program or installed())

    @property
    def broker_url(self) -> str:
        """amqp://… of the broker's administrator."""
        return self.node.url(ADMIN)

    @property
    def _supervisor(self) -> Supervisor:
        return self._need_state().supervisor(self.directory)

    def _need_state(self) -> StackState:
        state = self.state
        if state is None:
            start = folder.command("up", self.directory)
            raise StackError(f"there is no stack in {self.directory}; start it with {start}")
        return state

    def _refuse_if_up(self) -> None:
        state = self.state
        if state and state.supervisor(self.directory).answers():
            stop = folder.command("down", self.directory)
            raise StackError(f"the stack in {self.directory} is up already, at {state.url}; stop it with {stop}")

    def _stop(self, progress: Progress, grace: float | None) -> bool:
        stopped = end_stack(self.directory, progress, grace)
        if self._supervisord:
            self._supervisord.wait()
            self._supervisord = None
        if self._throwaway:
            folder.remove(self.directory)
        return stopped
