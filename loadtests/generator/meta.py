"""`phase.json` beside a phase's parts: what was asked for, and from when until when it ran."""

import json
import os
import platform
import socket
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from loadtests import documents

SECRET = ("token", "broker", "result-store")
KEPT = ("scenario", "task", "args", "rate", "arrivals", "seed", "replay", "tasks", "warmup", "unmeasured", "num_users")


def write_meta(folder: Path, environment: Any, ended: float | None, followed: bool, lost: list[dict[str, Any]]) -> None:
    """Write or renew the file. `ended`: None while it runs, so a run cut short shows.

    `followed`: whether the ends of tasks are known. `lost`: generators that did not come to their end, see Generators.
    """
    options = vars(environment.parsed_options)
    folder.mkdir(parents=True, exist_ok=True)
    meta: dict[str, Any] = {key: options.get(key) for key in KEPT}
    meta |= {"run": options["run_id"], "phase": options["phase"], "host": environment.host}
    meta |= {"followed": followed, "lost": lost, "started": options["started"], "ended": ended, "written": time.time()}
    meta |= {
        "generator": {"hostname": socket.gethostname(), "cpus": os.cpu_count(), "python": platform.python_version()}
    }
    meta["generator"]["locust"] = version("locust")
    meta["command"] = without_secrets(sys.argv)
    documents.write_text(folder / "phase.json", json.dumps(meta, indent=1))


def without_secrets(argv: list[str]) -> list[str]:
    """The command line with what follows an option that holds a password taken out."""
    shown, hide = [], False
    for word in argv:
        name, _, value = word.partition("=")
        if hide:
            shown.append("…")
        elif value and name.lstrip("-") in SECRET:
            shown.append(f"{name}=…")
        else:
            shown.append(word)
        hide = word.lstrip("-") in SECRET and word.startswith("--")
    return shown
