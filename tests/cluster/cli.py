"""`python -m tests.cluster`: a real Kubernetes to throw away."""

import json
import os
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from typing import Any

import click

from ..lab.errors import LabError
from ..lab.programs import run
from ..tools.build import ToolsError
from ..tools.build import ensure as compiled
from . import extras, faults, ground, images, leftovers, parts, pki, volumes
from . import publish as publishing
from .addresses import DNS, DOMAIN, MACHINE, NAMESERVER
from .checks import check_machine, check_watches
from .errors import ClusterError
from .kubectl import Kubectl, manifest
from .names import COREDNS
from .state import DEFAULT_FOLDER, Cluster, State


def say(text: str) -> None:
    click.echo(f"cluster: {text}")


def command(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A command of the cluster's: gets the cluster, and turns an error of ours into one message."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        @main.command(name=function.__name__.removesuffix("_"), help=function.__doc__, **options)
        @click.pass_obj
        @wraps(function)
        def guarded(cluster: Cluster, **given: Any) -> None:
            try:
                function(cluster, **given)
            except (LabError, ToolsError) as error:
                raise click.ClickException(str(error)) from error

        return guarded

    return register


@click.group(context_settings={"max_content_width": 100})
@click.option("--cluster", "folder", envvar="WARREN_CLUSTER", type=click.Path(path_type=Path), default=DEFAULT_FOLDER,
              help="Folder of the cluster.  [env: WARREN_CLUSTER; default: .cluster]")  # fmt: skip
@click.pass_context
def main(context: click.Context, folder: Path) -> None:
    """A real Kubernetes in namespaces of its own, compiled from Go modules, for the Pulumi program and its tests."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    context.obj = Cluster(folder.resolve())


@command()
@click.option("--nodes", type=click.IntRange(1, 5), default=1, show_default=True, help="More share the one network.")
@click.option("--with", "wanted", default="", help=f"Comma-separated, of {', '.join(extras.EXTRAS)}.")
@click.option("--reach-machine", is_flag=True, help=f"Pods reach this machine's 127.0.0.1 as {MACHINE}.")
def up(cluster: Cluster, nodes: int, wanted: str, reach_machine: bool) -> None:
    """Make the cluster; a cluster that is up gets the extras it lacks."""
    check_machine(cluster.folder)
    chosen = [name for name in wanted.split(",") if name]
    extras.check(chosen)
    kubernetes = compiled("kubernetes", say)
    extras.prepare(chosen, say)
    loaded = images.own(say)
    began = time.monotonic()
    with cluster.locked():
        state = cluster.load()
        if state and cluster.is_up():
            if (len(state.nodes), state.kubernetes) != (nodes, str(kubernetes)):
                raise ClusterError("another kind of cluster is up; first run: make cluster-down")
        else:
            _take_away(cluster, state)
            check_watches(nodes)
            state = State(nodes=[f"node{number + 1}" for number in range(nodes)], kubernetes=str(kubernetes))
            try:
                _make(cluster, state, loaded, reach_machine)
            except BaseException:
                _take_away(cluster, state, keep=("logs",))
                raise
        extras.start(cluster, chosen, say)
    say(f"Kubernetes {_version(kubernetes)} is up ({time.monotonic() - began:.0f} s)")
    say(f"export KUBECONFIG={cluster.kubeconfig}")


def _version(kubernetes: Path) -> str:
    return run([str(kubernetes / "bin/kubelet"), "--version"]).split()[-1]


def _make(cluster: Cluster, state: State, loaded: list[Path], reach_machine: bool) -> None:
    cluster.log("ground").parent.mkdir(parents=True, exist_ok=True)
    cluster.save(state)
    ground.start(cluster, state, reach_machine=reach_machine)
    pki.make(cluster, state)
    started = parts.Parts(cluster, state)
    parts.start_store(started)
    parts.start_api(started)
    for number, node in enumerate(state.nodes, 1):
        parts.start_containers(started, node, number)
    for node in state.nodes:
        started.until("containerd", partial(images.answers, state, node))
        for file in loaded:
            images.load(state, node, file)
    started.until("the API", lambda: parts.api_ready(cluster, state))
    parts.start_controllers(started)
    for number, node in enumerate(state.nodes, 1):
        parts.start_kubelet(started, node, number)
    kubectl = Kubectl(cluster)
    names = manifest("coredns", DOMAIN=DOMAIN, NAMESERVER=NAMESERVER, DNS=DNS, COREDNS=COREDNS)
    kubectl.apply("\n---\n".join([names, *map(json.dumps, volumes.manifests(cluster, state))]))
    for node in state.nodes:
        started.until(f"{node} ready", partial(_ready, kubectl, node))
    kubectl("-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=60s")
    started.until("the default account", lambda: bool(kubectl.get("serviceaccounts", "-n", "default")["items"]))


def _ready(kubectl: Kubectl, node: str) -> bool:
    path = '{.items[?(@.metadata.name=="%s")].status.conditions[?(@.type=="Ready")].status}'
    return kubectl("get", "nodes", "-o", f"jsonpath={path % node}") == "True"


def _take_away(cluster: Cluster, state: State | None, keep: tuple[str, ...] = ()) -> list[int]:
    """The processes that do not go. `keep`: what a failed start leaves to be read."""
    stubborn = ground.end(cluster, state)
    for entry in cluster.folder.iterdir() if cluster.folder.exists() else ():
        if entry.name not in ("lock", *keep):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    return stubborn


@command()
def stack(cluster: Cluster) -> None:
    """Make it ready for the Pulumi program: the stack's images, and a file to source before `pulumi up`."""
    from . import stack as preparing

    with cluster.locked():
        ready = preparing.prepare(cluster, say)
        file = preparing.environment_file(cluster, ready)
    say(f"Pulumi's provider for Kubernetes: {ready.provider}")
    say(f"source {file}; cd pulumi/kubernetes; pulumi up --yes")


@command()
def down(cluster: Cluster) -> None:
    """Take the cluster away, whatever state it is in, and look whether anything is left."""
    if os.geteuid() != 0:
        raise ClusterError("only root can; run: sudo make cluster-down")
    try:
        state = cluster.load()
    except ClusterError:
        state = None
    with cluster.locked():
        stubborn = _take_away(cluster, state)
        shutil.rmtree(cluster.folder)
    left = [*(f"process {pid} in the cluster's network" for pid in stubborn), *leftovers.find(cluster)]
    if left:
        raise ClusterError("\n".join(["the cluster has left something behind:", *left]))
    say("down; no process, mount, cgroup, network or file of it is left")


@command()
def status(cluster: Cluster) -> None:
    """What is up."""
    state = cluster.running()
    kubectl = Kubectl(cluster)
    click.echo(f"{state.server}; export KUBECONFIG={cluster.kubeconfig}")
    click.echo(f"extras: {', '.join(state.extras) or 'none'}")
    for name in parts.ended(state):
        click.echo(f"HAS ENDED: {name}; see {cluster.log(name)}")
    for known, address in state.published.items():
        click.echo(f"published: {known.split()[0]} at http://{address}")
    click.echo(kubectl("get", "nodes", "-o", "wide").rstrip())
    click.echo(kubectl("get", "pods", "--all-namespaces").rstrip())


@command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}, add_help_option=False)
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def kubectl(cluster: Cluster, words: tuple[str, ...]) -> None:
    """kubectl, as the cluster's administrator."""
    full = [*Kubectl(cluster).command, *words]
    os.execv(full[0], full)  # noqa: S606 - what is wanted


@command()
@click.argument("service")
@click.option("--port", default=0, help="Of this machine's loopback.  [default: a free one]")
def publish(cluster: Cluster, service: str, port: int) -> None:
    """Let NAMESPACE/SERVICE[:PORT] answer on 127.0.0.1; prints its URL."""
    with cluster.locked():
        click.echo(f"http://{publishing.publish(cluster, service, port)}")


pod = click.argument("pod", metavar="NAMESPACE/POD")


@command()
@pod
def cut(cluster: Cluster, pod: str) -> None:
    """Take a pod's network away; its processes go on. What the node itself sends, such as probes, still arrives."""
    say(f"{faults.cut(cluster, pod).label} is cut off")


@command()
@pod
def heal(cluster: Cluster, pod: str) -> None:
    """Give a pod its network back."""
    say(f"{faults.heal(cluster, pod).label} has its network")


@command()
@click.argument("name", metavar="SIGNAL")
@pod
@click.option("--container", help="[default: the pod's first]")
def signal_(cluster: Cluster, name: str, pod: str, container: str | None) -> None:
    """Send a signal to the first process of a pod's container: STOP, CONT, KILL."""
    found, chosen = faults.send(cluster, pod, name, container)
    say(f"{found.label} ({chosen}) got {name.upper()}")


@command()
@click.argument("node", default="node1")
@click.option("--timeout", default="180s", show_default=True, help="A disruption budget may never allow it.")
def drain(cluster: Cluster, node: str, timeout: str) -> None:
    """Evict the pods of a node, as before its maintenance. `undrain` opens it again."""
    words = ("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={timeout}")
    click.echo(Kubectl(cluster)(*words, timeout=3600).rstrip())


@command()
@click.argument("node", default="node1")
def undrain(cluster: Cluster, node: str) -> None:
    """Let a node take pods again."""
    click.echo(Kubectl(cluster)("uncordon", node).rstrip())


@command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED)
def run_(cluster: Cluster, words: tuple[str, ...]) -> None:
    """Run a command of this machine in the cluster's namespaces: its network, its names."""
    full = [*ground.inside(cluster.running()), *words]
    os.execvp(full[0], full)  # noqa: S606 - what is wanted


@main.group()
def image() -> None:
    """Images: load a file into the cluster, or build one from the distribution's packages."""


@image.command(name="load")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def load(cluster: Cluster, files: tuple[Path, ...]) -> None:
    """Import FILES, as `docker save` and others write them."""
    try:
        state = cluster.running()
        for file in files:
            for node in state.nodes:
                for name in images.load(state, node, file.resolve()):
                    say(f"{node} has {name}")
    except LabError as error:
        raise click.ClickException(str(error)) from error


@image.command(name="build")
@click.argument("name", type=click.Choice(list(images.RECIPES)))
def build(name: str) -> None:
    """Build an image once; prints its file, for `image load` or `docker load`."""
    try:
        click.echo(images.ensure(name, lambda text: click.echo(f"cluster: {text}", err=True)))
    except LabError as error:
        raise click.ClickException(str(error)) from error


@image.command(name="list")
@click.pass_obj
def list_(cluster: Cluster) -> None:
    """What the first node has."""
    try:
        state = cluster.running()
        names = run([*images.ctr(state, state.nodes[0]), "images", "list", "-q"]).split()
    except LabError as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(name for name in names if "@" not in name and not name.startswith("sha256:")))
