"""What every check stands on: a folder, a seed, the terminal, the instruments, and one way to send a load."""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.result import Result
from loadtests.bench.console import BenchConsole
from loadtests.bench.locust_run import TICK, Load, Phase, run_phase
from loadtests.local.child import die_with_parent

WARMUP = 1.0
PHASE = "run"
# Seconds beyond its length after which a load is ended though not all of it was sent.
LATE = 10.0


def phase(seconds: float, rate: float) -> Phase:
    """A load of so many seconds after the warm-up, that ends with its last task rather than by the clock."""
    return Phase(PHASE, seconds + LATE, WARMUP, rate, tasks=round((seconds + WARMUP) * rate))


class NotDone(Exception):
    """What the check needs is not here; the text says how to get it."""


class NotTold(Exception):
    """It was done and tells nothing; the text says why."""


class ProgramFailed(Exception):
    """An instrument ended in error; the text holds the end of what it said."""


@dataclass(frozen=True)
class Ground:
    """`folder`: of this check and this try. `notes`: what a check wants said beside its rows."""

    folder: Path
    run: str
    short: bool
    seed: int
    stack: Path
    console: BenchConsole
    vegeta: Path | None
    perf_test: Path | None
    notes: list[str] = field(default_factory=list)

    def load(self, name: str, load: Load, phase: Phase) -> Path:
        """Send it with our generator, by way of Locust's command. The results folder. Raises PhaseFailed."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        run_phase(load, phase, folder, f"{self.run}.{name}", self.console.tick(name))
        return folder

    def measure(self, name: str, load: Load, phase: Phase) -> Result:
        """The same, and what our analysis makes of it. Raises NotTold when the run is not valid."""
        found = analyse(self.load(name, load, phase), Asked())
        if not found.valid:
            raise NotTold(f"{name}: {'; '.join(found.reasons)}")
        return found

    def program(
        self,
        name: str,
        command: list[str],
        seconds: float,
        environment: Mapping[str, str] | None = None,
        look: Callable[[], None] = lambda: None,
    ) -> str:
        """Run an instrument that is not ours, `look` each moment, and return what it said. Raises ProgramFailed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log, tick, began = self.folder / f"{name}.log", self.console.tick(name), time.monotonic()
        with child(command, log, environment) as process:
            while process.poll() is None:
                passed = time.monotonic() - began
                tick(passed, seconds)
                look()
                if passed > seconds + 60:
                    raise ProgramFailed(f"{name} did not end; see {log}")
                time.sleep(TICK)
        said = log.read_text(errors="replace")
        if process.returncode:
            end = "\n".join(said.strip().splitlines()[-8:])
            raise ProgramFailed(f"{name} ended with code {process.returncode}:\n{end}")
        return said


@contextlib.contextmanager
def child(
    command: list[str], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that does not outlive the context. What it prints goes to `log`."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is ours to handle
            preexec_fn=die_with_parent,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
