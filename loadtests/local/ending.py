"""Ending a stack: in order through its supervisord, and by its mark for whatever is left after that."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from loadtests.local import leftovers
from loadtests.local.state import StackState

Progress = Callable[[str], None]


def end_stack(directory: Path, progress: Progress, grace: float | None) -> bool:
    """Stop the stack of this folder; False when there was none.

    `grace`: seconds until SIGKILL; None: as stack.yml says.
    """
    state = StackState.read(directory)
    if state is None:
        return False
    ours = leftovers.marked(state.mark)
    supervisord = next((process for process in ours if _is_supervisord(process)), None)
    if supervisord:
        _end_in_order(supervisord, directory, state, progress, grace)
    clear_leftovers(directory, progress)
    return True


def clear_leftovers(directory: Path, progress: Progress) -> None:
    """End what a stack has left behind whose supervisor was killed, and remove the notes of it."""
    state = StackState.read(directory)
    if state is None:
        return
    ended = leftovers.end(leftovers.marked(state.mark), grace=15)
    if ended:
        progress(f"ended what was left of an earlier stack: {', '.join(ended)}")
    for name in ("supervisord.pid", "supervisord.conf"):
        (directory / name).unlink(missing_ok=True)
    StackState.remove(directory)


def _end_in_order(
    supervisord: psutil.Process, directory: Path, state: StackState, progress: Progress, grace: float | None
) -> None:
    names = _names(directory, state)
    supervisord.terminate()
    began, said = time.monotonic(), ""
    try:
        while _lives(supervisord):
            left = ", ".join(name for pid, name in names.items() if psutil.pid_exists(pid))
            if left and left != said:
                progress(f"stopping {left}")
                said = left
            if grace is not None and time.monotonic() - began > grace:
                progress(f"not ended within {grace:.0f} s, so killed: {left}")
                break
            time.sleep(0.1)
        else:
            return
    except KeyboardInterrupt:
        progress(f"interrupted again, so killed: {said}")
    # The supervisor first, or it would start the others again.
    leftovers.kill([supervisord, *leftovers.marked(state.mark)])


def _names(directory: Path, state: StackState) -> dict[int, str]:
    """Pid → name of the children; supervisord tells nothing more once it is stopping."""
    try:
        return {info["pid"]: name for name, info in state.supervisor(directory).states().items() if info["pid"]}
    except OSError:
        return {}


def _is_supervisord(process: psutil.Process) -> bool:
    try:
        return "supervisor.supervisord" in process.cmdline()
    except psutil.Error:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
