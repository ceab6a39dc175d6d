"""How the children of a stack are doing."""

from dataclasses import dataclass
from pathlib import Path

from loadtests.local import folder
from loadtests.local.errors import StackError
from loadtests.local.state import StackState


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


def read_processes(directory: Path, state: StackState) -> list[ProcessState]:
    """All children as they are now. Raises StackError when there is no supervisor to ask."""
    supervisor = state.supervisor(directory)
    try:
        infos = supervisor.states()
    except OSError as error:
        stop = folder.command("down", directory)
        raise StackError(f"the stack in {directory} has lost its supervisor; run {stop}") from error
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
