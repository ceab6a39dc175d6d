"""The instruments that are not ours: where they are, and how to get them."""

import os
import shutil
from pathlib import Path

from loadtests.selfcheck.ground import NotDone

HOW = "from a checkout: make tools ARGS={name}"


def tools_folder() -> Path:
    """Where `make tools` keeps what it made."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    return Path(base) / "warren/tools"


def vegeta(given: Path | None) -> Path:
    """vegeta's program: `given`, or on PATH, or made by `make tools`. Raises NotDone."""
    if given:
        return _there(given, given.is_file(), "--vegeta", "the program vegeta")
    on_path = shutil.which("vegeta")
    found = Path(on_path) if on_path else _newest("vegeta", "bin/vegeta")
    if not found:
        raise NotDone(f"there is no vegeta here; {HOW.format(name='vegeta')}; or --vegeta PATH")
    return found


def perf_test(given: Path | None) -> Path:
    """The folder with the jars of RabbitMQ's PerfTest: `given`, or made by `make tools`. Raises NotDone."""
    if not shutil.which("java"):
        raise NotDone("there is no `java` on PATH, which RabbitMQ's PerfTest needs; install Java 11 or newer")
    if given:
        return _there(given, any(given.glob("perf-test*.jar")), "--perf-test", "a folder with PerfTest's jars")
    found = _newest("perf-test", "lib")
    if not found:
        raise NotDone(
            f"RabbitMQ's PerfTest is not here; {HOW.format(name='perf-test')} (with Maven); or --perf-test FOLDER"
        )
    return found


def _there(path: Path, good: bool, option: str, what: str) -> Path:
    if not good:
        raise NotDone(f"{option} {path}: that is not {what}")
    return path


def _newest(part: str, inside: str) -> Path | None:
    made = sorted(tools_folder().glob(f"{part}-*/{inside}"), key=lambda path: path.stat().st_mtime)
    made = [path for path in made if ".partial" not in str(path)]
    return made[-1] if made else None
