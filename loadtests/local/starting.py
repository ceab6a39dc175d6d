"""Starting a stack: everything is written first, then supervisord starts, then its children in order."""

import os
import secrets
import subprocess
from collections.abc import Callable
from pathlib import Path

from app.contract import Contract
from loadtests.local import leftovers
from loadtests.local.errors import PortTaken
from loadtests.local.ports import LOOPBACK, free_ports, is_free, listener
from loadtests.local.processes import GROUPS, ProcessSpec, StackOptions, app_specs, broker_specs
from loadtests.local.rabbitmq_files import prepare, read
from loadtests.local.rabbitmq_program import RabbitMQProgram
from loadtests.local.readiness import Waiting, wait_for_app, wait_for_broker
from loadtests.local.state import StackState
from loadtests.local.supervisor import Supervisor, wait_until_it_answers

Progress = Callable[[str], None]
_BROKER = ("epmd", "rabbitmq")


def choose_port(options: StackOptions) -> int:
    """The front end's port. Raises PortTaken when the one that was asked for is not to be had."""
    if options.port is None:
        return free_ports(1)[0]
    if not is_free(options.port, options.host):
        owner = listener(options.port)
        raise PortTaken(f"port {options.port} is taken{owner}; choose another with --port, or stop that one")
    return options.port


def spawn(
    directory: Path, options: StackOptions, port: int, contract: Contract, program: RabbitMQProgram, bound: bool
) -> subprocess.Popen[bytes]:
    """Write all that the stack reads, note what it will be, and start its supervisord, which starts nothing yet."""
    node = prepare(directory / "rabbitmq", contract, program, options.management)
    mark = {leftovers.MARK: secrets.token_hex(16)}
    specs = broker_specs(node, mark) + app_specs(directory, contract, options, node, mark, port)
    supervisor = Supervisor.new(directory)
    supervisor.log.unlink(missing_ok=True)
    supervisor.write(specs)
    # Noted before anything runs: whatever happens from here on, it can be found and ended.
    _state(specs, supervisor, options, mark[leftovers.MARK], port).write(directory)
    return supervisor.spawn(dict(os.environ) | mark, bound)


def start_in_order(
    directory: Path,
    contract: Contract,
    program: RabbitMQProgram,
    supervisord: subprocess.Popen[bytes],
    progress: Progress,
) -> None:
    """The broker first, and the app once it can connect. Raises NotReady at once when a child ends."""
    state = StackState.read(directory)
    assert state
    supervisor = state.supervisor(directory)
    wait_until_it_answers(supervisor, supervisord)
    waiting = Waiting(supervisor, progress, strict=True)
    progress("starting RabbitMQ " + ".".join(map(str, program.version)))
    for group in _BROKER:
        supervisor.rpc().startProcessGroup(group, False)
    wait_for_broker(read(directory / "rabbitmq", program), waiting)
    progress(f"starting {len(state.roles) - len(_BROKER)} processes of the app")
    for group in GROUPS:
        if group not in _BROKER:
            supervisor.rpc().startProcessGroup(group, False)
    wait_for_app(state, contract, waiting)


def renew_app(
    directory: Path, options: StackOptions, contract: Contract, program: RabbitMQProgram, progress: Progress
) -> None:
    """Stop the app's processes, and start them as another stack.yml and environment say. The broker stays."""
    state = StackState.read(directory)
    assert state
    supervisor = state.supervisor(directory)
    groups = [group for group in GROUPS if group not in _BROKER]
    for group in reversed(groups):
        supervisor.rpc().stopProcessGroup(group)
        supervisor.rpc().removeProcessGroup(group)
    node, mark = read(directory / "rabbitmq", program), {leftovers.MARK: state.mark}
    specs = broker_specs(node, mark) + app_specs(directory, contract, options, node, mark, state.port)
    supervisor.write(specs)
    renewed = _state(specs, supervisor, options, state.mark, state.port)
    renewed.write(directory)
    supervisor.rpc().reloadConfig()
    for group in groups:
        supervisor.rpc().addProcessGroup(group)
        supervisor.rpc().startProcessGroup(group, False)
    wait_for_app(renewed, contract, Waiting(supervisor, progress))


def _state(specs: list[ProcessSpec], supervisor: Supervisor, options: StackOptions, mark: str, port: int) -> StackState:
    flower = next((spec.environment["FLOWER_LISTEN_PORT"] for spec in specs if spec.role == "flower"), None)
    return StackState(
        mark=mark,
        supervisor_port=supervisor.port,
        supervisor_password=supervisor.password,
        host=options.host,
        port=port,
        token=options.token,
        stack_file=str(options.stack_file.absolute()),
        metrics={spec.name: spec.metrics for spec in specs if spec.metrics},
        heartbeats={spec.name: str(spec.heartbeat) for spec in specs if spec.heartbeat},
        roles={spec.name: spec.role for spec in specs},
        flower=flower and f"http://{LOOPBACK}:{flower}",
    )
