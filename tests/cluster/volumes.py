"""Persistent volumes of a throw-away cluster: folders, and what no provisioner does for such: emptying a released one.

python -m tests.cluster.volumes FOLDER
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import requests

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


def is_released(volume: dict[str, Any]) -> bool:
    """Its claim is gone. Without a claim's name it has been emptied already, and may belong to the next one soon."""
    return (
        volume.get("status", {}).get("phase") == "Released"
        and "claimRef" in volume["spec"]
        and volume["metadata"]["name"].startswith(PREFIX)
    )


def recycle(cluster: Cluster, api: Api, volume: dict[str, Any]) -> None:
    """Empty it and let the next claim have it."""
    name = volume["metadata"]["name"]
    folder = cluster.volumes / name
    shutil.rmtree(folder)
    folder.mkdir()
    seen = {"resourceVersion": volume["metadata"]["resourceVersion"]}
    try:
        api.patch(f"{VOLUMES}/{name}", {"metadata": seen, "spec": {"claimRef": None}})
        print(f"{name} is free again", flush=True)
    except requests.RequestException as error:  # it has changed meanwhile, and is told again
        print(f"{name}: {error}", flush=True)


def main(cluster: Cluster) -> None:
    api = Api(cluster)
    for _, volume in api.watch(VOLUMES):
        if volume and is_released(volume):
            recycle(cluster, api, volume)


if __name__ == "__main__":
    main(Cluster(Path(sys.argv[1])))
