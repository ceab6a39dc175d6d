"""The cluster's API for programs of ours that run inside."""

import json
import time
from collections.abc import Iterator
from typing import Any

import requests

from .ground import API
from .state import Cluster


def plain_session() -> requests.Session:
    """Without the proxies and certificates that the environment may name: they are for other places."""
    session = requests.Session()
    session.trust_env = False
    return session


class Api:
    """With the administrator's rights. `path`: such as `/api/v1/pods`."""

    def __init__(self, cluster: Cluster) -> None:
        self.session = plain_session()
        self.session.verify = str(cluster.pki / "ca.crt")
        self.session.cert = (str(cluster.pki / "admin.crt"), str(cluster.pki / "admin.key"))

    def patch(self, path: str, change: dict[str, Any]) -> None:
        kind = {"Content-Type": "application/merge-patch+json"}
        self.session.patch(f"https://{API}{path}", json.dumps(change), headers=kind, timeout=10).raise_for_status()

    def watch(self, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """What is there and what changes, for ever; RESTART before everything is told again."""
        while True:
            try:
                yield "RESTART", {}
                yield from self._changes(path)
            except (requests.RequestException, ValueError) as error:
                print(f"{path}: again in a second: {error}", flush=True)
                time.sleep(1)

    def _changes(self, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
        with self.session.get(f"https://{API}{path}", params={"watch": "1"}, stream=True, timeout=(5, 600)) as events:
            events.raise_for_status()
            for line in events.iter_lines():
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                yield event["type"], event["object"]
