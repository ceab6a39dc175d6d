"""Stages apps as a buildpack does, where a foundation would have one: requirements.txt, Procfile, runtime.txt.

python -m tests.foundation.builder CLUSTER-FOLDER BASE-IMAGE

Korifi writes a BuildWorkload for each build; what is told here becomes the build's state, and the error its log.
"""

import datetime
import json
import re
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import yaml

from ..cluster.api import Api
from ..cluster.state import Cluster
from . import droplet, names

GROUP = "/apis/korifi.cloudfoundry.org/v1alpha1"
WORKLOADS = f"{GROUP}/buildworkloads"
PACKAGE = "python_buildpack"
MOST_SAID = 4000  # characters of what failed


class StagingFailed(Exception):
    """What the developer has to know."""


def main(cluster: Cluster, base: Path) -> None:
    api = Api(cluster)
    ground = droplet.Ground(cluster.folder / "foundation/builder", base)
    stack = {"name": names.STACK, "description": "a stand-in: Debian", **_times()}
    package = {"name": PACKAGE, "version": "0", "stack": names.STACK, **_times()}
    ready = _condition("Ready", True, "Ready", "")
    status = {"stacks": [stack], "buildpacks": [package], "conditions": [ready]}
    api.patch(f"{GROUP}/namespaces/{names.ROOT_NAMESPACE}/builderinfos/{names.BUILDER}/status", {"status": status})
    for event, workload in api.watch(WORKLOADS):
        if event in ("ADDED", "MODIFIED") and _is_waiting(workload):
            _work(api, ground, workload)


def _is_waiting(workload: dict[str, Any]) -> bool:
    done = any(each["type"] == "Succeeded" for each in workload.get("status", {}).get("conditions", []))
    ours = workload["spec"]["builderName"] == names.BUILDER
    return ours and not done and not workload["metadata"].get("deletionTimestamp")


def _work(api: Api, ground: droplet.Ground, workload: dict[str, Any]) -> None:
    about = workload["metadata"]
    status: dict[str, Any] = {}
    try:
        status["droplet"] = stage(ground, workload)
        status["conditions"] = [_condition("Succeeded", True, "Built", "")]
    except Exception as error:
        if not isinstance(error, StagingFailed):
            traceback.print_exc()
        status["conditions"] = [_condition("Succeeded", False, "BuildFailed", str(error)[-MOST_SAID:])]
    api.patch(f"{GROUP}/namespaces/{about['namespace']}/buildworkloads/{about['name']}/status", {"status": status})
    print(about["name"], status["conditions"][0]["reason"], flush=True)


def stage(ground: droplet.Ground, workload: dict[str, Any]) -> dict[str, Any]:
    """The droplet, in Korifi's words."""
    about = workload["metadata"]
    app = about["labels"]["korifi.cloudfoundry.org/app-guid"]
    with tempfile.TemporaryDirectory(dir=ground.folder) as folder:
        tree = Path(folder) / "tree"
        home = tree / "home/vcap/app"
        ground.unpack(workload["spec"]["source"]["registry"]["image"], home)
        _runtime(home / "runtime.txt", ground.python)
        processes = _procfile(home / "Procfile")
        try:
            ground.install(home, tree / "home/vcap/deps")
        except droplet.InstallFailed as error:
            raise StagingFailed(f"pip cannot install requirements.txt:\n{error}") from error
        image = ground.push(tree, f"{names.REGISTRY}/korifi/{app}-droplets:{about['name']}")
    return {"registry": {"image": image}, "stack": names.STACK, "processTypes": processes, "ports": [8080]}


def _runtime(file: Path, python: str) -> None:
    """python-3.x and python-3.13.x, as buildpacks understand them."""
    if not file.exists():
        return
    wanted, major = file.read_text().strip(), python.partition(".")[0]
    if not re.fullmatch(r"python-\d+(\.(\d+|x)){1,2}", wanted):
        raise StagingFailed(f"runtime.txt holds {wanted!r}; write python-{python}.x")
    if not wanted.startswith(f"python-{python}.") and wanted not in (f"python-{python}", f"python-{major}.x"):
        raise StagingFailed(f"runtime.txt wants {wanted}; this stack has Python {python}: write python-{python}.x")


def _procfile(file: Path) -> list[dict[str, str]]:
    processes = yaml.safe_load(file.read_text()) if file.exists() else {}
    if not isinstance(processes, dict):
        raise StagingFailed("Procfile: write a line `type: command` for each process")
    return [{"type": name, "command": command} for name, command in processes.items()]


def _times() -> dict[str, str]:
    return {"creationTimestamp": _now(), "updatedTimestamp": _now()}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(kind: str, good: bool, reason: str, message: str) -> dict[str, Any]:
    status = "True" if good else "False"
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": _now()}


if __name__ == "__main__":
    print(json.dumps({"registry": names.REGISTRY, "base": sys.argv[2]}), flush=True)
    main(Cluster(Path(sys.argv[1])), Path(sys.argv[2]))
