"""One phase: a headless Locust of its own that writes its part files and drains before it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.generator import parts
from loadtests.local.child import die_with_parent

LOCUSTFILE = Path(__file__).parents[1] / "locustfile.py"
# Seconds beyond a phase's length in which Locust must start, have its answers and account for its tasks.
GRACE = 300.0
TICK = 0.25

Tick = Callable[[float, float], None]  # seconds since the phase began, seconds it was to last


class PhaseFailed(Exception):
    """Locust could not do its part; the text holds the end of what it said."""


@dataclass(frozen=True)
class Load:
    """What is sent and how. `what`: options of the locustfile that choose it."""

    url: str
    token: str = ""
    what: tuple[str, ...] = ()
    users: int = 64
    generators: int = 1
    seed: int = 1
    drain: float = 30.0
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Phase:
    """One phase. `rate`: None sends as fast as answers come. `tasks`: end after so many."""

    name: str
    seconds: float
    warmup: float = 0.0
    rate: float | None = None
    arrivals: str = "constant"
    tasks: int = 0
    unmeasured: bool = False


def command(load: Load, phase: Phase, results: Path, run: str) -> list[str]:
    """The command line; whoever wants to repeat the phase by hand can."""
    words = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--headless", "--only-summary"]
    words += ["--host", load.url, "-u", str(load.users), "-t", f"{max(1, round(phase.seconds + phase.warmup))}s"]
    words += ["--results", str(results), "--run-id", run, "--phase", phase.name, "--seed", str(load.seed)]
    words += ["--warmup", f"{phase.warmup:g}", "--drain", f"{load.drain:g}", *load.what]
    words += ["--arrivals", "closed"] if phase.rate is None else ["--arrivals", phase.arrivals]
    words += ["--rate", f"{phase.rate:g}"] if phase.rate is not None else []
    words += ["--tasks", str(phase.tasks)] if phase.tasks else []
    words += ["--unmeasured"] if phase.unmeasured else []
    words += ["--processes", str(load.generators)] if load.generators > 1 else []
    return words


def run_phase(load: Load, phase: Phase, results: Path, run: str, tick: Tick = lambda now, end: None) -> Path:
    """Run it to its end and return the folder of its parts. Raises PhaseFailed; an interrupt ends Locust first."""
    logs = results / "log"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{phase.name}.log"
    length = phase.seconds + phase.warmup
    environment = os.environ | load.environment | {"WARREN_TOKEN": load.token}
    with log.open("wb") as output:
        locust = subprocess.Popen(
            command(load, phase, results, run),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to handle: it shall end in order
            preexec_fn=die_with_parent,
        )
    began = time.monotonic()
    try:
        while locust.poll() is None:
            passed = time.monotonic() - began
            tick(passed, length)
            if passed > length + load.drain + GRACE:
                raise PhaseFailed(f"{phase.name}: Locust did not end; see {log}")
            time.sleep(TICK)
    finally:
        end(locust)
    folder = parts.folder(results, phase.name)
    # 1: some requests or tasks failed, which the ledger tells better.
    if locust.returncode not in (0, 1) or not (folder / "phase.json").exists():
        said = log.read_text(errors="replace").strip().splitlines()[-8:]
        raise PhaseFailed(f"{phase.name}: Locust ended with code {locust.returncode}:\n" + "\n".join(said))
    return folder


def end(locust: "subprocess.Popen[bytes]", patience: float = 20.0) -> None:
    """End Locust, with its processes: first asking, so that it writes down what it knows."""
    if locust.poll() is not None:
        return
    locust.send_signal(signal.SIGTERM)
    try:
        locust.wait(patience)
    except subprocess.TimeoutExpired:
        os.killpg(locust.pid, signal.SIGKILL)
        locust.wait()
