"""kubectl, with the user's own kubeconfig and rights, for one namespace."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class KubectlError(Exception):
    """It is not there, or refused; the text says what to do."""


@dataclass(frozen=True)
class Kubectl:
    """`context` empty: the current one of KUBECONFIG."""

    namespace: str = "warren"
    context: str = ""

    def command(self, *words: str) -> list[str]:
        """The whole command line; to be run by whoever wants the process itself."""
        context = [f"--context={self.context}"] if self.context else []
        return ["kubectl", *context, f"--namespace={self.namespace}", *words]

    def __call__(self, *words: str, timeout: float = 60) -> str:
        """What it says. Raises KubectlError."""
        try:
            done = subprocess.run(
                self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
            )
        except FileNotFoundError:
            raise KubectlError("kubectl is missing; install it: https://kubernetes.io/docs/tasks/tools/") from None
        except subprocess.TimeoutExpired:
            raise KubectlError(f"kubectl {' '.join(words[:3])}: no answer within {timeout:.0f} s") from None
        if done.returncode:
            said = (done.stderr or done.stdout).strip()
            raise KubectlError(
                f"kubectl {' '.join(words[:3])} failed: {said}\nWhich cluster: KUBECONFIG, --context; where in it: "
                f"--namespace (now {self.namespace})"
            )
        return done.stdout

    def get(self, *words: str) -> dict[str, Any]:
        return json.loads(self("get", *words, "--output=json"))

    def items(self, kind: str, labels: str) -> list[dict[str, Any]]:
        """Objects of a kind by a selector of labels."""
        found: list[dict[str, Any]] = self.get(kind, f"--selector={labels}")["items"]
        return found

    def delete_pods(self, names: Sequence[str], timeout: float) -> None:
        """As an eviction does: SIGTERM, their grace, and back when they are gone."""
        self("delete", "pod", *names, f"--timeout={timeout:.0f}s", timeout=timeout + 30)
