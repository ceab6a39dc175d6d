"""The ground the hosts stand on: one set of namespaces, a way out, one published port.

The machine's own network, mounts and settings stay as they are.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from loadtests.local.ports import LOOPBACK, free_ports

from ..throwaway import network_of
from . import cgroup
from .errors import LabError
from .state import ROOT, Lab, State

# Hosts get .11, .12, … in the order of the inventory.
PREFIX = "10.88.0"
GATEWAY = f"{PREFIX}.1"
NAMESERVER = "10.0.2.3"  # slirp4netns answers there, with what this machine resolves
PORT = 8080  # of the web host


def inside(state: State, *namespaces: str) -> list[str]:
    """What to put before a command so that it runs in the lab; in all its namespaces, or the ones named."""
    every = ("mount", "net", "pid", "uts", "ipc", "cgroup")
    return ["nsenter", f"--target={state.holder}", *(f"--{each}" for each in namespaces or every), "--"]


def start(lab: Lab, state: State) -> None:
    """Make it. Fills in what `state` did not know and saves it."""
    port = free_ports(1)[0]
    outer, inner = socket.socketpair()
    with socket.socket() as published, outer, inner:
        published.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        published.bind((LOOPBACK, port))
        published.listen(512)
        with (lab.folder / "ground.log").open("ab") as log:
            wrapper = cgroup.wrapper(lab.id)
            unshare = ["unshare", "--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup"]
            unshare += ["--fork", "--kill-child", "--mount-proc"]
            holder = [sys.executable, "-m", "tests.lab.holder", str(inner.fileno()), str(published.fileno())]
            process = subprocess.Popen(
                [*wrapper, *unshare, *holder, f"{state.hosts[state.published]}:{PORT}"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
                pass_fds=[inner.fileno(), published.fileno()],
            )  # fmt: skip
        inner.close()
        outer.settimeout(20)
        try:
            ready = outer.recv(16)
        except TimeoutError:
            ready = b""
    if ready != b"ready":
        raise LabError(f"the lab's namespaces did not come up:\n{_log(lab)}")
    state.holder = lab.first_process(process.pid)
    state.network = network_of(state.holder)
    state.cgroup = str(cgroup.of(state.holder))
    state.url = f"http://{LOOPBACK}:{port}"
    lab.save(state)
    cgroup.settle(Path(state.cgroup))
    _way_out(lab, state)
    lab.url_file.write_text(state.url + "\n")


def _log(lab: Lab) -> str:
    """The end of what its processes wrote: a lab that failed is taken away."""
    return "\n".join((lab.folder / "ground.log").read_text(errors="replace").splitlines()[-12:])


def _way_out(lab: Lab, state: State) -> None:
    """A network card in the lab whose traffic leaves through a plain process of this machine."""
    read, write = os.pipe()
    with (lab.folder / "ground.log").open("ab") as log:
        process = subprocess.Popen(
            [*cgroup.inside(Path(state.cgroup) / cgroup.KEEPER), "slirp4netns", "--configure", "--mtu=1500",
             "--disable-host-loopback", f"--ready-fd={write}", str(state.holder), "tap0"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, pass_fds=[write],
        )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as ready:
        if ready.read(1) != "1":
            raise LabError(f"slirp4netns did not start ({process.poll()}):\n{_log(lab)}")


def end(lab: Lab, state: State | None) -> None:
    """Everything of it, also what a killed command has left. Mounts and networks go with the last process."""
    # The number of a network that is gone may be given to another.
    if state and lab.is_up():
        for pid in strangers(state):
            os.kill(pid, signal.SIGKILL)
    for path in {*cgroup.leftovers(lab.id), *([Path(state.cgroup)] if state and state.cgroup else [])}:
        cgroup.end(path)
    deadline = time.monotonic() + 10
    while state and state.network and strangers(state) and time.monotonic() < deadline:
        time.sleep(0.05)


def strangers(state: State) -> list[int]:
    """Who is in the lab's network without being of the lab: connections that ssh keeps open for Ansible."""
    own = set(cgroup.processes(Path(state.cgroup))) if state.cgroup else set()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) not in own:
            try:
                if (entry / "ns/net").stat().st_ino == state.network:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
