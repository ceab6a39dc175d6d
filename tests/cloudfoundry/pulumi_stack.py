"""A stack of the Pulumi program for Cloud Foundry, driven by the real CLI as a user drives it."""

from pathlib import Path
from typing import Any

from tests.kubernetes import pulumi_stack as kubernetes


class Stack(kubernetes.Stack):
    """`login`: the variables by which a user says which foundation, and as whom."""

    program = kubernetes.ROOT / "pulumi/cloudfoundry"

    def __init__(self, folder: Path, name: str, login: dict[str, str], config: dict[str, Any]) -> None:
        super().__init__(folder, name, folder / "no-kubeconfig")
        self.environment |= login
        self.configure(config)

    def _provider(self) -> str:
        return "none: all of it is dynamic resources of ours"
