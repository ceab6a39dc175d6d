"""`python -m tests.lab`: throw-away hosts with a real systemd and ssh."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from . import ground, image, inventory, leftovers, network, ssh
from .checks import check_machine, check_room
from .errors import LabError
from .hosts import Hosts, each
from .state import DEFAULT_FOLDER, ROOT, Lab, State


def command(function: Callable[..., Any]) -> Callable[..., Any]:
    """A command of the lab's: gets the lab, and turns a LabError into one message."""

    @main.command(name=function.__name__.removesuffix("_"), help=function.__doc__)
    @click.pass_obj
    @wraps(function)
    def guarded(lab: Lab, **options: Any) -> None:
        try:
            function(lab, **options)
        except LabError as error:
            raise click.ClickException(str(error)) from error

    return guarded


@click.group(context_settings={"max_content_width": 100})
@click.option("--lab", "folder", envvar="WARREN_LAB", type=click.Path(path_type=Path), default=DEFAULT_FOLDER,
              help="Folder of the lab.  [env: WARREN_LAB; default: .lab]")  # fmt: skip
@click.pass_context
def main(context: click.Context, folder: Path) -> None:
    """Throw-away hosts with a real systemd and ssh, for the playbooks and their tests."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    context.obj = Lab(folder.resolve())


names = click.argument("hosts", nargs=-1, required=True)


@command
@click.option("--suite", envvar="SUITE", default="trixie", show_default=True, help=f"Of {', '.join(image.SUITES)}.")
@click.option("--inventory", "file", type=click.Path(path_type=Path), default=ROOT / "inventory/lab.yml",
              help="Its hosts are made.  [default: inventory/lab.yml]")  # fmt: skip
def up(lab: Lab, suite: str, file: Path) -> None:
    """Make the lab, or boot those of its hosts that are off."""
    check_machine()
    began = time.monotonic()
    wanted, published = inventory.read(file)
    with lab.locked():
        before = lab.load()
        if before and lab.is_up():
            if (before.suite, before.hosts) != (suite, wanted):
                raise LabError(
                    f"another lab is up: {before.suite}, {', '.join(before.hosts)}; first run: make lab-down"
                )
            _boot(Hosts(lab, before))
        else:
            _take_away(lab, before)
            check_room(len(wanted))
            base = image.ensure(suite, click.echo)
            state = State(suite=suite, image=str(base), hosts=wanted, published=published)
            try:
                _make(lab, state)
            except BaseException:
                _take_away(lab, state)
                raise
    state = lab.running()
    click.echo(f"lab: {len(state.hosts)} hosts of {state.suite} are up ({time.monotonic() - began:.0f} s)")
    click.echo(f"     in:  ssh -F {lab.ssh_config} {published}")
    click.echo(f"     web: {state.url} is port {ground.PORT} of {state.published}")


def _make(lab: Lab, state: State) -> None:
    lab.save(state)
    ssh.make_key(lab.key, lab.id)
    ground.start(lab, state)
    ssh.write_config(lab, state)
    _boot(Hosts(lab, state))


def _boot(hosts: Hosts) -> None:
    off = [name for name in hosts.state.hosts if not hosts.is_running(name)]
    each(off, hosts.boot, lambda name: click.echo(f"lab: {name} has booted"))


def _take_away(lab: Lab, state: State | None) -> None:
    ground.end(lab, state)
    for entry in lab.folder.iterdir():
        if entry.name != "lock":
            # An Ansible that ends with the lab takes away its own files meanwhile; what stays is told by `leftovers`.
            shutil.rmtree(entry, ignore_errors=True) if entry.is_dir() else entry.unlink(missing_ok=True)


@command
def down(lab: Lab) -> None:
    """Take the lab away, whatever state it is in, and look whether anything is left."""
    if os.geteuid() != 0:
        raise LabError("only root can; run: sudo make lab-down")
    try:
        state = lab.load()
    except LabError:
        state = None
    with lab.locked():
        _take_away(lab, state)
        shutil.rmtree(lab.folder, ignore_errors=True)
    left = leftovers.find(lab, state)
    if left:
        raise LabError("\n".join(["the lab has left something behind:", *left]))
    click.echo("lab: down; no process, mount, cgroup, network or file of it is left")


@command
def status(lab: Lab) -> None:
    """What is up."""
    state = lab.running()
    hosts = Hosts(lab, state)
    click.echo(f"{state.suite}; {state.url} is {ssh.public_port(state)}")
    for name, address in state.hosts.items():
        running = hosts.is_running(name)
        about = ("cut off" if network.is_cut(state, name) else "up") if running else "off"
        click.echo(f"{name:12} {address:12} {about}")


@command
@click.argument("host")
@click.argument("words", nargs=-1)
def shell(lab: Lab, host: str, words: tuple[str, ...]) -> None:
    """A shell on a host, or one command."""
    Hosts(lab, lab.running()).check([host])
    full = ssh.command(lab, host, *words)
    os.execvp(full[0], full)  # noqa: S606 - what is wanted


@command
@names
def kill(lab: Lab, hosts: tuple[str, ...]) -> None:
    """Cut the power of hosts."""
    _do(lab, hosts, Hosts.kill, "has no power")


@command
@names
def boot(lab: Lab, hosts: tuple[str, ...]) -> None:
    """Switch hosts on, with the disks they had."""
    _do(lab, hosts, Hosts.boot, "has booted")


@command
@names
def stop(lab: Lab, hosts: tuple[str, ...]) -> None:
    """Shut hosts down cleanly."""
    _do(lab, hosts, Hosts.stop, "has shut down")


@command
@names
def fresh(lab: Lab, hosts: tuple[str, ...]) -> None:
    """Replace hosts: same name and address, empty disk."""

    def renew(all_hosts: Hosts, name: str) -> None:
        all_hosts.wipe(name)
        all_hosts.boot(name)

    _do(lab, hosts, renew, "is a new server")


@command
@names
def cut(lab: Lab, hosts: tuple[str, ...]) -> None:
    """Take hosts' network away; their processes go on."""
    _do(lab, hosts, lambda all_hosts, name: network.cut(all_hosts.state, name), "is cut off")


@command
@names
def heal(lab: Lab, hosts: tuple[str, ...]) -> None:
    """Give hosts their network back, at full speed."""
    _do(lab, hosts, lambda all_hosts, name: network.heal(all_hosts.state, name), "has its network")


@command
@names
@click.option("--delay", help="Each way, such as 50ms. Needs netem in the kernel.")
@click.option("--rate", help="Each way, such as 10mbit.")
def slow(lab: Lab, hosts: tuple[str, ...], delay: str | None, rate: str | None) -> None:
    """Make hosts' network slow; `heal` undoes it."""
    if not (delay or rate):
        raise click.UsageError("how slow? --delay 50ms, --rate 10mbit or both")
    _do(lab, hosts, lambda all_hosts, name: network.slow(all_hosts.state, name, delay, rate), "is slow")


def _do(lab: Lab, named: tuple[str, ...], what: Callable[[Hosts, str], None], done: str) -> None:
    hosts = Hosts(lab, lab.running())
    hosts.check(named)
    each(named, lambda name: what(hosts, name), lambda name: click.echo(f"lab: {name} {done}"))


@command
@click.argument("words", nargs=-1, required=True)
def run(lab: Lab, words: tuple[str, ...]) -> None:
    """Run a command of this machine in the lab's network."""
    full = [*ground.inside(lab.running(), "net"), *words]
    os.execvp(full[0], full)  # noqa: S606 - what is wanted
