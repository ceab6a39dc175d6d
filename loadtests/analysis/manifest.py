"""manifest.json: under which circumstances a result came about."""

import json
import os
import platform
import socket
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from loadtests.analysis.stages import CLOCK_RULE
from loadtests.generator.meta import without_secrets

FILE = "manifest.json"
PACKAGES = (
    "celery",
    "kombu",
    "pika",
    "amqp",
    "flask",
    "granian",
    "locust",
    "gevent",
    "duckdb",
    "hdrhistogram",
    "warren",
)


def manifest(
    contract: dict[str, Any] | None, stack: dict[str, Any], command: list[str] | None = None
) -> dict[str, Any]:
    """`stack`: what is known of the stack under load: target, url, broker {version, erlang}, and so on."""
    return {
        "command": without_secrets(command or sys.argv),
        "git": git_revision(),
        "stack": stack,
        "contract": contract,
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
        "host": host(),
        "clocks": CLOCK_RULE,
    }


def host() -> dict[str, Any]:
    """The operator's machine; with the local target it carries the stack as well."""
    return {
        "hostname": socket.gethostname(),
        "system": platform.platform(),
        "distribution": _distribution(),
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory": psutil.virtual_memory().total,
        "load_before": list(os.getloadavg()),
    }


def machines(content: dict[str, Any]) -> list[str]:
    """The generator's machine and the stack's hosts, in words by which those of two runs can be told apart."""
    here = content.get("host")
    stack = ((content.get("stack") or {}).get("hosts") or {}).values()
    # Pods have other names each time, and a host may be known by several; what it is stays.
    kinds = sorted({f"stack on {each.get('system')}, {_size(each)}" for each in stack})
    return [f"{here.get('hostname')}: {here.get('cpu')}, {_size(here)}", *kinds] if here else kinds


def _size(host: dict[str, Any]) -> str:
    return f"{host.get('cores')} cores, {(host.get('memory') or 0) / 2**30:.0f} GiB"


def git_revision() -> dict[str, Any] | None:
    """Revision of the working tree this runs from; None outside of one."""
    here = Path(__file__).resolve().parents[2]
    try:
        revision = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, timeout=10)
        status = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if revision.returncode:
        return None
    return {"revision": revision.stdout.strip(), "changed": bool(status.stdout.strip())}


def broker_facts(server_properties: dict[str, Any]) -> dict[str, str]:
    """RabbitMQ's and Erlang's version, from what the broker says of itself when one connects."""
    facts = {}
    for ours, theirs in (("product", "product"), ("version", "version"), ("erlang", "platform")):
        value = server_properties.get(theirs)
        facts[ours] = value.decode() if isinstance(value, bytes) else str(value)
    facts["erlang"] = facts["erlang"].removeprefix("Erlang/OTP ")
    return facts


def write(results: Path, content: dict[str, Any]) -> None:
    (results / FILE).write_text(json.dumps(content, indent=1, default=str) + "\n", encoding="utf-8")


def read(results: Path) -> dict[str, Any]:
    """The manifest; empty when the folder has none (a plain Locust run)."""
    try:
        content = json.loads((results / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
