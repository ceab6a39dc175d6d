"""The ground the nodes stand on: one set of namespaces, a way out, one way in.

The machine's own network, mounts and settings stay as they are.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from loadtests.local.ports import LOOPBACK, free_ports

from ..lab import cgroup as newer
from ..throwaway import network_of
from . import cgroup
from .addresses import API_PORT
from .errors import ClusterError
from .state import ROOT, Cluster, State

API = f"127.0.0.1:{API_PORT}"  # inside


def inside(state: State, *namespaces: str) -> list[str]:
    """What to put before a command so that it runs in the cluster; in all its namespaces, or the ones named."""
    every = ("mount", "net", "pid", "uts", "ipc")
    return ["nsenter", f"--target={state.holder}", *(f"--{each}" for each in namespaces or every), "--"]


def start(cluster: Cluster, state: State, *, reach_machine: bool) -> None:
    """Make it. Fills in what `state` did not know and saves it."""
    cgroup.make(cluster.id)
    outer, inner = socket.socketpair()
    listening, address = listen()
    with listening, outer, inner, cluster.log("ground").open("ab") as log:
        unshare = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc"]
        holder = [sys.executable, "-m", "tests.cluster.holder", str(inner.fileno()), str(listening.fileno())]
        process = subprocess.Popen(
            [*cgroup.starting(cluster.id), *unshare, *holder, str(cluster.folder), *state.nodes],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
            pass_fds=[inner.fileno(), listening.fileno()],
        )  # fmt: skip
        inner.close()
        outer.settimeout(20)
        try:
            ready = outer.recv(16)
        except TimeoutError:
            ready = b""
    if ready != b"ready":
        raise ClusterError(f"the cluster's namespaces did not come up:\n{tail(cluster.log('ground'))}")
    state.holder = cluster.first_process(process.pid)
    state.network = network_of(state.holder)
    state.cgroup = str(newer.of(state.holder))
    state.server = f"https://{address}"
    cluster.save(state)
    newer.settle(Path(state.cgroup))
    _way_out(cluster, state, reach_machine)


def tail(log: Path, lines: int = 12) -> str:
    """The end of what a part wrote: a cluster that failed is taken away."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""


def _way_out(cluster: Cluster, state: State, reach_machine: bool) -> None:
    """A network card in the cluster whose traffic leaves through a plain process of this machine."""
    read, write = os.pipe()
    options = ["--configure", "--mtu=1500", *([] if reach_machine else ["--disable-host-loopback"])]
    with cluster.log("ground").open("ab") as log:
        process = subprocess.Popen(
            [*cgroup.inside(cluster.id, state.cgroup), "slirp4netns", *options,
             f"--ready-fd={write}", str(state.holder), "tap0"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=[write],
        )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as ready:
        if ready.read(1) != "1":
            raise ClusterError(f"slirp4netns did not start ({process.poll()}):\n{tail(cluster.log('ground'))}")


def listen(port: int = 0) -> tuple[socket.socket, str]:
    """A socket on this machine's loopback, and its address."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port = port or free_ports(1)[0]
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        listening.close()
        raise ClusterError(f"port {port} of {LOOPBACK} is taken ({error.strerror}); choose another") from error
    listening.listen(512)
    return listening, f"{LOOPBACK}:{port}"


def end(cluster: Cluster, state: State | None) -> list[int]:
    """Everything of it, also what a killed command has left. Mounts and networks go with the last process.

    Returns the processes that do not go.
    """
    # Asked before: the number of a network that is gone may soon be another's.
    members = [pid for pid in _pids() if _is_in(pid, state)] if state and cluster.is_up() else []
    if state and members:
        os.kill(state.holder, signal.SIGKILL)  # the kernel ends whatever is in its namespaces
    cgroup.end(cluster.id, state.cgroup if state else "")
    deadline = time.monotonic() + 10
    while members and time.monotonic() < deadline:
        members = [pid for pid in members if _is_in(pid, state)]
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    return members


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _is_in(pid: int, state: State | None) -> bool:
    """Whether the process is in the cluster's network."""
    try:
        return state is not None and network_of(pid) == state.network
    except OSError:
        return False
