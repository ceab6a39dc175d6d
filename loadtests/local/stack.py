"""The whole stack on this machine: a RabbitMQ of its own and the app's processes, under supervisord, on loopback.

with LocalStack(Path(".warren/mine"), throwaway=True) as stack:
    requests.post(f"{stack.url}/tasks/noop")
"""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

import psutil

from app.contract import Contract, load_contract
from loadtests.local import leftovers, rabbitmq
from loadtests.local.ending import clear_leftovers, end_stack
from loadtests.local.errors import PortTaken, StackError
from loadtests.local.ports import free_ports, is_free, listener
from loadtests.local.processes import GROUPS, ProcessSpec, StackOptions, app_specs, broker_specs
from loadtests.local.rabbitmq_files import ADMIN, NodeFiles, prepare, read
from loadtests.local.rabbitmq_program import RabbitMQProgram, installed
from loadtests.local.readiness import Waiting, wait_for_app, wait_for_broker
from loadtests.local.state import StackState, locked
from loadtests.local.supervisor import Supervisor, wait_until_it_answers

Progress = Callable[[str], None]


@dataclass(frozen=True)
class ProcessState:
    """One child. `restarts` counts starts after the first, `crashes` the ends that nobody asked for."""

    name: str
    role: str
    pid: int | None
    state: str
    restarts: int
    crashes: int
    last_exit: str | None
    metrics: str | None


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
        self.stop()

    def start(self, progress: Progress = lambda text: None) -> None:
        """Start everything and wait until all of it is ready. Raises StackError or ContractError.

        Whatever goes wrong, Ctrl-C included, leaves no process and no port behind.
        """
        contract = load_contract(self.options.stack_file)
        program = self._program or installed()
        with locked(self.directory):
            self._refuse_if_up()
            clear_leftovers(self.directory, progress)
            try:
                self._start(contract, program, progress)
            except BaseException as error:
                if isinstance(error, KeyboardInterrupt):
                    progress("interrupted; stopping what was started")
                self._stop(progress, grace=10)
                raise

    def stop(self, progress: Progress = lambda text: None, grace: float | None = None) -> bool:
        """Stop everything in order: front end, workers, broker. False when there was nothing to stop.

        Running tasks are waited for as long as stack.yml says, or `grace` seconds; then what is left is killed.
        """
        with locked(self.directory):
            return self._stop(progress, grace)

    def processes(self) -> list[ProcessState]:
        """All children as they are now. Raises StackError when the stack is down."""
        state = self._need_state()
        supervisor = state.supervisor(self.directory)
        try:
            infos = supervisor.states()
        except OSError as error:
            raise StackError(f"the stack in {self.directory} has lost its supervisor; run `warren down`") from error
        history = supervisor.history()
        return [
            ProcessState(
                name=name,
                role=role,
                pid=infos[name]["pid"] or None,
                state=infos[name]["statename"].lower(),
                restarts=max(history.starts.get(name, 0) - 1, 0),
                crashes=history.crashes.get(name, 0),
                last_exit=history.last_exit.get(name),
                metrics=state.metrics.get(name),
            )
            for name, role in state.roles.items()
        ]

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

    @cached_property
    def _folders(self) -> list[Path]:
        return [self.directory / name for name in ("log", "heartbeat", "data")]

    @property
    def _supervisor(self) -> Supervisor:
        return self._need_state().supervisor(self.directory)

    def _need_state(self) -> StackState:
        state = self.state
        if state is None:
            raise StackError(f"there is no stack in {self.directory}; start it with `warren up`")
        return state

    def _start(self, contract: Contract, program: RabbitMQProgram, progress: Progress) -> None:
        port = self._choose_port()
        for folder in self._folders:
            folder.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        node = prepare(self.directory / "rabbitmq", contract, program, self.options.management)
        mark = {leftovers.MARK: secrets.token_hex(16)}
        specs = broker_specs(node, mark) + app_specs(self.directory, contract, self.options, node, mark, port)
        supervisor = Supervisor.new(self.directory)
        supervisor.log.unlink(missing_ok=True)
        state = self._note(specs, supervisor, mark[leftovers.MARK], port)
        supervisor.write(specs)
        self._supervisord = supervisor.spawn(dict(os.environ) | mark, self._bound)
        wait_until_it_answers(supervisor, self._supervisord)
        waiting = Waiting(supervisor, progress, strict=True)
        for group in GROUPS[:2]:
            supervisor.rpc().startProcessGroup(group, False)
        progress("starting RabbitMQ " + ".".join(map(str, program.version)))
        wait_for_broker(node, waiting)
        for group in GROUPS[2:]:
            supervisor.rpc().startProcessGroup(group, False)
        progress(f"starting {len(specs) - 2} processes of the app")
        wait_for_app(state, contract, waiting)

    def _note(self, specs: list[ProcessSpec], supervisor: Supervisor, mark: str, port: int) -> StackState:
        flower = next((spec.environment["FLOWER_LISTEN_PORT"] for spec in specs if spec.role == "flower"), None)
        state = StackState(
            mark=mark,
            supervisor_port=supervisor.port,
            supervisor_password=supervisor.password,
            host=self.options.host,
            port=port,
            token=self.options.token,
            stack_file=str(self.options.stack_file.absolute()),
            metrics={spec.name: spec.metrics for spec in specs if spec.metrics},
            heartbeats={spec.name: str(spec.heartbeat) for spec in specs if spec.heartbeat},
            roles={spec.name: spec.role for spec in specs},
            flower=flower and f"http://127.0.0.1:{flower}",
        )
        state.write(self.directory)
        return state

    def _choose_port(self) -> int:
        port = self.options.port
        if port is None:
            return free_ports(1)[0]
        if not is_free(port, self.options.host):
            raise PortTaken(f"port {port} is taken{listener(port)}; choose another with --port, or stop that one")
        return port

    def _refuse_if_up(self) -> None:
        state = self.state
        if state and state.supervisor(self.directory).answers():
            raise StackError(f"the stack in {self.directory} is up already, at {state.url}; stop it with `warren down`")

    def _stop(self, progress: Progress, grace: float | None) -> bool:
        stopped = end_stack(self.directory, progress, grace)
        if self._supervisord:
            self._supervisord.wait()
            self._supervisord = None
        if self._throwaway:
            shutil.rmtree(self.directory, ignore_errors=True)
        return stopped
