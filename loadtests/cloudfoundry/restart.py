"""Restarting parts of a deployment, as an operator would: each instance is ended, and another takes its place."""

from loadtests.cloudfoundry.deployment import Deployment

WITHIN = 300.0  # seconds. A worker may finish its task first.


# The broker is the marketplace's: a user of the foundation cannot restart it.
PARTS = ("worker", "web")


def restart(deployment: Deployment, part: str) -> None:
    """`part`: one of PARTS. Raises FoundationError."""
    client, app = deployment.client, deployment.app
    processes = [each for each in client.processes.of_app(app) if each.type.partition("-")[0] == part]
    old = client.instances.generation(app, {each.type for each in processes})
    for process in processes:
        for instance in client.processes.stats(process.guid):
            client.processes.end_instance(process.guid, instance.index)
    client.instances.wait(app, WITHIN, watch=client.instances.watch(app, old))
