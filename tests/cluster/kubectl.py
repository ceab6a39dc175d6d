"""kubectl, with the administrator's rights."""

import json
from pathlib import Path
from string import Template
from typing import Any

from ..lab.programs import run
from .errors import ClusterError
from .state import Cluster

MANIFESTS = Path(__file__).parent / "manifests"


class Kubectl:
    def __init__(self, cluster: Cluster) -> None:
        state = cluster.running()
        self.command = [f"{state.kubernetes}/bin/kubectl", f"--kubeconfig={cluster.kubeconfig}"]

    def __call__(self, *words: str, text: str | None = None, timeout: float = 120) -> str:
        """What it says. Raises with what it said when it fails."""
        return run([*self.command, *words], text=text, timeout=timeout)

    def get(self, *words: str) -> dict[str, Any]:
        return json.loads(self("get", *words, "-o", "json"))

    def apply(self, text: str) -> None:
        self("apply", "--server-side", "--force-conflicts", "-f", "-", text=text)

    def apply_all(self, objects: list[dict[str, Any]]) -> None:
        self.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def manifest(name: str, **values: str) -> str:
    """A file of ours with its values filled in."""
    return Template((MANIFESTS / f"{name}.yaml").read_text()).substitute(values)


def named(text: str, default: str = "default") -> tuple[str, str]:
    """NAMESPACE/NAME, or a name alone."""
    namespace, slash, name = text.rpartition("/")
    if not name or "/" in namespace or (slash and not namespace):
        raise ClusterError(f"{text}: say NAMESPACE/NAME")
    return namespace or default, name
