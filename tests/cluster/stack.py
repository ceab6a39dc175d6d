"""What `pulumi up` needs in a cluster to throw away: the stack's images, and variables for the shell it is typed in."""

import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

from ..engine.engine import Engine, EngineError
from ..kubernetes.pulumi_stack import Stack
from . import images
from .errors import ClusterError
from .images import RECIPES, Say
from .state import ROOT, Cluster

NAME = "cluster"  # of the Pulumi stack
# For scripts/image.
BUILD = {"BASE_IMAGE": RECIPES["python"].reference, "PYTHON_VERSION": RECIPES["python"].reference.rpartition(":")[2]}
KEPT = 3  # of the images of older checkouts


def prepare(cluster: Cluster, say: Say) -> Stack:
    """The images are in the cluster, and an empty stack waits for `pulumi up`."""
    return opened(cluster, NAME, load(cluster, say))


def load(cluster: Cluster, say: Say) -> dict[str, Any]:
    """The stack's images, built if need be, onto every node; the configuration that names them."""
    state = cluster.running()
    name, file = app_image(say)
    files = [file, *(images.ensure(each, say) for each in ("rabbitmq", "valkey"))]
    for node in state.nodes:
        for file in files:
            images.load(state, node, file)
    say(f"{' and '.join(state.nodes)} have the images of the stack")
    own = {part: {"image": RECIPES[each].reference} for part, each in (("broker", "rabbitmq"), ("results", "valkey"))}
    return {"image": name, **own}


def opened(cluster: Cluster, name: str, config: dict[str, Any] | None = None) -> Stack:
    """A Pulumi stack whose state goes with the cluster."""
    kubectl = f"{cluster.running().kubernetes}/bin"  # of the cluster's version
    return Stack(cluster.folder / "pulumi", name, cluster.kubeconfig, config, path=[kubectl])


def app_image(say: Say) -> tuple[str, Path]:
    """The checkout's image, its name and file, built in a Docker engine of its own unless the same was built before."""
    name = _script("--name")
    if (file := _file(name)).exists():
        return name, file
    say(f"building {name} once; it stays in {file.parent}")
    new = file.with_suffix(".new")
    try:
        with Engine() as engine:
            engine.docker("load", "--input", str(images.ensure("python", say)))
            # Its name may be another by now, if the checkout has changed meanwhile.
            name = _script(**engine.environment)
            engine.docker("save", "--output", str(new), name)
    except EngineError as error:
        raise ClusterError(str(error)) from error
    file = new.rename(_file(name))
    older = sorted(images.cache().glob("warren-*.tar"), key=lambda each: each.stat().st_mtime)
    for each in older[:-KEPT]:
        each.unlink()
    return name, file


def _file(name: str) -> Path:
    return images.cache() / f"warren-{name.rpartition('-')[2]}.tar"


def _script(*options: str, **environment: str) -> str:
    done = subprocess.run(
        ["nice", "-n", "10", str(ROOT / "scripts/image"), *options],
        env=os.environ | BUILD | environment, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip
    if done.returncode:
        raise ClusterError(f"scripts/image failed:\n{done.stderr.strip()}")
    return done.stdout.strip()


def environment_file(cluster: Cluster, stack: Stack) -> Path:
    """For `source`: kubectl and pulumi of this cluster, its kubeconfig, and where its stack's state is."""
    file = cluster.folder / "environment"
    ours = {key: value for key, value in stack.environment.items() if os.environ.get(key) != value}
    ours["PULUMI_OPTION_CONFIG_FILE"] = str(stack.file)
    before, _, after = ours.pop("PATH").partition(os.environ["PATH"])
    lines = [f"export {key}={shlex.quote(value)}\n" for key, value in sorted(ours.items())]
    file.write_text("".join([*lines, f'export PATH="{before}$PATH{after}"\n']))
    return file
