"""`python -m tests.foundation`: a real Cloud Foundry API on a cluster that is up."""

import shlex
import shutil
import time
from pathlib import Path

import click

from ..cluster.errors import ClusterError
from ..cluster.parts import ended
from ..cluster.state import DEFAULT_FOLDER, Cluster
from ..lab.errors import LabError
from ..tools.build import ToolsError
from ..tools.build import ensure as compiled
from .korifi import Foundation


def say(text: str) -> None:
    click.echo(f"foundation: {text}")


@click.group(context_settings={"max_content_width": 100})
@click.option("--cluster", "folder", envvar="WARREN_CLUSTER", type=click.Path(path_type=Path), default=DEFAULT_FOLDER,
              help="Folder of the cluster.  [env: WARREN_CLUSTER; default: .cluster]")  # fmt: skip
@click.pass_context
def main(context: click.Context, folder: Path) -> None:
    """Korifi, Cloud Foundry's API on Kubernetes, compiled from its Go module, on a cluster to throw away."""
    context.obj = Cluster(folder.resolve())


@main.command()
@click.pass_obj
def up(cluster: Cluster) -> None:
    """Start it on the cluster that is up. It goes when the cluster goes."""
    try:
        for program in ("docker-registry", "skopeo"):
            if not shutil.which(program):
                raise ClusterError(f"{program} is missing; run: scripts/system-packages foundation")
        for part in ("korifi", "helm"):
            compiled(part, say)
        began = time.monotonic()
        with cluster.locked():
            foundation = Foundation(cluster, say)
            if foundation.answers():
                say("is up already")
            else:
                foundation.up()
        say(f"Korifi is up ({time.monotonic() - began:.0f} s); apps answer at http://{foundation.routes}")
        say(f"results: {foundation.services.results_url}")
        say(f"source {environment_file(foundation)}")
    except (LabError, ToolsError) as error:
        raise click.ClickException(str(error)) from error


def environment_file(foundation: Foundation) -> Path:
    """For `source`: where the API is, and who one is."""
    file = foundation.folder / "environment"
    file.touch(mode=0o600)
    file.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in foundation.environment.items()))
    return file


@main.command()
@click.pass_obj
def status(cluster: Cluster) -> None:
    """What is up."""
    try:
        state = cluster.running()
    except LabError as error:
        raise click.ClickException(str(error)) from error
    for what in ("api", "tokens", "routes"):
        click.echo(f"{what}: {state.published.get(f'foundation-{what}', 'not there')}")
    for name in ended(state):
        click.echo(f"HAS ENDED: {name}; see {cluster.log(name)}")


@main.command()
@click.argument("route", metavar="HOST.DOMAIN")
@click.pass_obj
def publish(cluster: Cluster, route: str) -> None:
    """Let the app of a route answer on 127.0.0.1 under no name; prints its URL."""
    try:
        with cluster.locked():
            foundation = Foundation(cluster, say)
            (foundation.folder / "route").write_text(route.lower())
        click.echo(f"http://{foundation.routes}")
    except LabError as error:
        raise click.ClickException(str(error)) from error
