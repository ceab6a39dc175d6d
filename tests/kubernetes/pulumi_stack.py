"""A stack of the Pulumi program in a state folder of its own, driven by the real CLI as a user drives it."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.tools import pulumi as cli

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "pulumi/kubernetes"
STAND_IN = Path(__file__).parent / "provider"
PLUGIN = "pulumi-resource-kubernetes"
PLUGIN_VERSION = "4.32.0"
INSTALL = 60  # seconds that fetching the real plugin may take
END = 60  # and that an interrupted command may take to end


class PulumiFailed(Exception):
    """`pulumi` ended with an error; the text is what it printed."""


class Stack:
    """`folder` holds state, configuration and Pulumi's home; removing it forgets the stack. One that is there
    already is opened, and keeps its configuration when none is given.

    `path`: folders of programs that come first. `provider`: real or stand-in. `program`: its folder.
    """

    program = PROGRAM

    def __init__(
        self,
        folder: Path,
        name: str,
        kubeconfig: Path,
        config: dict[str, Any] | None = None,
        path: Sequence[str] = (),
    ) -> None:
        self.folder, self.name = folder, name
        (folder / "state").mkdir(parents=True, exist_ok=True)
        self.file = folder / f"Pulumi.{name}.yaml"
        self.environment = os.environ | {
            "PATH": os.pathsep.join([str(ROOT / ".venv/bin"), *path, cli.path(print)]),
            "VIRTUAL_ENV": str(ROOT / ".venv"),
            "KUBECONFIG": str(kubeconfig),
            "PULUMI_BACKEND_URL": f"file://{folder}/state",
            "PULUMI_CONFIG_PASSPHRASE": "tests",
            "PULUMI_HOME": str(folder / "home"),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.provider = self._provider()
        if not self.file.exists():
            self.run("stack", "init", name)
            # It holds the salt of the encryption, and would change the checkout.
            shutil.move(self.program / self.file.name, self.file)
        if config is not None:
            self.configure(config)

    def configure(self, config: dict[str, Any]) -> None:
        """Replace the stack's configuration; its encryption stays."""
        kept = yaml.safe_load(self.file.read_text()) if self.file.exists() else {}
        # A key may be another program's: kubernetes:context.
        kept["config"] = {key if ":" in key else f"warren:{key}": value for key, value in config.items()}
        self.file.write_text(yaml.safe_dump(kept))

    def run(self, *arguments: str, timeout: float = 900) -> str:
        """`pulumi ARGUMENTS` for this stack. Raises PulumiFailed."""
        words = ["pulumi", "--non-interactive", "--cwd", str(self.program), *arguments]
        if arguments[0] != "plugin":
            words += ["--config-file", str(self.file)] if arguments[0] in CONFIGURED else []
            words += ["--stack", self.name] if arguments[:2] != ("stack", "init") else []
        process = subprocess.Popen(
            words, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )  # fmt: skip
        try:
            said, complaint = process.communicate(timeout=timeout)
        except BaseException:
            # Killed outright it would leave its plugins running, and the stack locked.
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=END)
            raise
        if process.returncode:
            raise PulumiFailed(f"{' '.join(words)}\n{said}{complaint}")
        return said

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.run("stack", "output", "--json", "--show-secrets"))

    def state(self) -> dict[str, Any]:
        """The stored state as it is on disk: secrets are encrypted in it."""
        return json.loads(self.run("stack", "export"))

    def _provider(self) -> str:
        """`real` where Pulumi's plugin is installed or can be; else our stand-in, put last on PATH."""
        if found := shutil.which(PLUGIN):
            # Who has sourced a cluster's `environment` has a checkout's stand-in on PATH.
            stand_in = Path(found).parts[-4:-1] == STAND_IN.parts[-3:]
            return "stand-in" if stand_in else "real"
        lacking = self.folder / "no-plugin"  # asking once is enough
        if not lacking.exists():
            try:
                self.run("plugin", "install", "resource", "kubernetes", PLUGIN_VERSION, timeout=INSTALL)
                return "real"
            except (PulumiFailed, subprocess.TimeoutExpired):
                lacking.touch()
        self.environment["PATH"] += os.pathsep + str(STAND_IN)
        return "stand-in"


CONFIGURED = ("preview", "up", "refresh", "destroy", "config")
