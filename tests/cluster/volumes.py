"""Persistent volumes of a throw-away cluster: folders, and what no provisioner does for such: emptying a released one.

python -m tests.cluster.volumes FOLDER
"""

import shutil
import sys
from pathlib import Path
from typing import Any

from .api import Api
from .state import Cluster, State

COUNT = 16
SIZE = "10Gi"
CLASS = "standard"
PREFIX = "local-"
VOLUMES = "/api/v1/persistentvolumes"


def manifests(cluster: Cluster, state: State) -> list[dict[str, Any]]:
    """The default class, and the volumes. They obey fsGroup, as a host path would not."""
    standard = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    return [standard, *(_volume(cluster, state, f"{PREFIX}{number}") for number in range(1, COUNT + 1))]


def _volume(cluster: Cluster, state: State, name: str) -> dict[str, Any]:
    folder = cluster.volumes / name
    folder.mkdir(parents=True, exist_ok=True)
    # All nodes see the same folders.
    nodes = {"key": "kubernetes.io/hostname", "operator": "In", "values": state.nodes}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": SIZE},
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [nodes]}]}},
        },
    }


def recycle(cluster: Cluster, api: Api, name: str) -> None:
    """Nobody has it any more: empty it and let the next claim have it."""
    folder = cluster.volumes / name
    shutil.rmtree(folder)
    folder.mkdir()
    api.patch(f"{VOLUMES}/{name}", {"spec": {"claimRef": None}})
    print(f"{name} is free again", flush=True)


def main(cluster: Cluster) -> None:
    api = Api(cluster)
    for _, volume in api.watch(VOLUMES):
        if volume.get("status", {}).get("phase") == "Released" and volume["metadata"]["name"].startswith(PREFIX):
            recycle(cluster, api, volume["metadata"]["name"])


if __name__ == "__main__":
    main(Cluster(Path(sys.argv[1])))
