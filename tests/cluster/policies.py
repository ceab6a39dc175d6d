"""Enforces network policies in the nodes' network: a small stand-in for what a network plugin does.

python -m tests.cluster.policies FOLDER

What passes between pods, and from pods to the node, is judged in one table of nftables, written anew whenever pods,
namespaces or policies change. What the node's own programs send is not judged, as with the real ones: probes arrive.
"""

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .api import Api
from .policy_rules import ruleset
from .state import Cluster

KINDS = {
    "pods": "/api/v1/pods",
    "namespaces": "/api/v1/namespaces",
    "policies": "/apis/networking.k8s.io/v1/networkpolicies",
}
TOGETHER = 0.05  # seconds; changes come in bursts


class Known:
    """What the API has told."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
        self.lock, self.changed = threading.Lock(), threading.Event()

    def follow(self, api: Api, kind: str) -> None:
        for what, found in api.watch(KINDS[kind]):
            with self.lock:
                if what == "RESTART":
                    self.objects[kind] = {}
                    continue
                uid = found["metadata"]["uid"]
                if what == "DELETED":
                    self.objects[kind].pop(uid, None)
                else:
                    self.objects[kind][uid] = found
            self.changed.set()

    def rules(self) -> str:
        with self.lock:
            return ruleset(*(list(self.objects[kind].values()) for kind in KINDS))


def main(cluster: Cluster) -> None:
    known, applied = Known(), ""
    for kind in KINDS:
        threading.Thread(target=known.follow, args=(Api(cluster), kind), daemon=True).start()
    while True:
        known.changed.wait()
        time.sleep(TOGETHER)
        known.changed.clear()
        wanted = known.rules()
        if wanted != applied:
            subprocess.run(["nft", "-f", "-"], input=wanted, text=True, check=True)
            applied = wanted
            print(f"{wanted.count('chain pod')} pods' directions are restricted", flush=True)


if __name__ == "__main__":
    main(Cluster(Path(sys.argv[1])))
