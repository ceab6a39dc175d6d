"""`python -m tests.cluster` for tests, which use it as a user does."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .state import ROOT


@dataclass
class Commands:
    """The commands, on the cluster of one folder."""

    folder: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.cluster", "--cluster", str(self.folder), *words],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.PIPE,
        )  # fmt: skip

    def try_(self, *words: str, text: str | None = None) -> tuple[int, str]:
        """Exit code and all it said."""
        process = self.start(*words)
        said, _ = process.communicate(text, timeout=1800)
        return process.returncode, said

    def __call__(self, *words: str, text: str | None = None) -> str:
        code, said = self.try_(*words, text=text)
        assert code == 0, said
        return said.strip()

    def kubectl(self, *words: str, text: str | None = None) -> str:
        return self("kubectl", *words, text=text)

    def get(self, *words: str) -> Any:
        return json.loads(self.kubectl("get", *words, "-o", "json"))

    def apply(self, *objects: dict[str, Any]) -> None:
        self.kubectl("apply", "-f", "-", text=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
