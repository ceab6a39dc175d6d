"""`warren faults` against a stack that is there, as a user types it, and what its documents say afterwards."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from loadtests.faults.document import FILE, Faults

from .under_load import Outcome, assert_nothing_lost, assert_recovered, told

ROOT = Path(__file__).parents[1]
LIMIT = 600  # seconds for all faults of a schedule
INTERRUPTED = 130


def _command(folder: Path, schedule: str, words: tuple[str, ...]) -> list[str]:
    (folder / "schedule.yml").write_text(schedule)
    given = [str(folder / "schedule.yml"), "--results", str(folder / "results"), "--yes-break-it", *words]
    return [sys.executable, "-m", "loadtests.cli", "faults", *given]


def played(folder: Path, schedule: str, *words: str, say: Callable[[str], None]) -> dict[str, Outcome]:
    """Every fault of it came and lost nothing, and what was sent after it was done; each one's outcome by name."""
    done = subprocess.run(
        _command(folder, schedule, words), cwd=ROOT, capture_output=True, text=True, timeout=LIMIT,
        env=os.environ | {"COLUMNS": "120"},
    )  # fmt: skip
    said = done.stdout + done.stderr
    (results,) = (folder / "results").iterdir()
    found = Faults.model_validate_json((results / FILE).read_text())
    # Whether the generator kept up is the machine's business; then there are no times, and that is said.
    assert done.returncode == (0 if found.valid else 1), said
    assert found.valid or "no times: " in said
    outcomes = {}
    for each in found.faults:
        assert each.began, said
        outcomes[each.name] = Outcome(each.ledger, results / each.name, each.began)
        say(f"{each.name}: {told(outcomes[each.name])}")
        assert_nothing_lost(outcomes[each.name])
        assert_recovered(outcomes[each.name])
    return outcomes


def refused(*words: str) -> str:
    """What it says without a yes, and without a terminal to ask at."""
    command = [sys.executable, "-m", "loadtests.cli", "faults", *words]
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "nothing was done. If it may be: --yes-break-it" in done.stdout
    return done.stdout


def interrupted(folder: Path, schedule: str, *words: str, once: Callable[[], bool]) -> None:
    """Ctrl-C when `once` says that the fault has come. It ends as it should, and in time."""
    process = subprocess.Popen(
        _command(folder, schedule, words), cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        deadline = time.monotonic() + LIMIT
        while not once():
            assert process.poll() is None and time.monotonic() < deadline, "the fault never came"
            time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=LIMIT)
    finally:
        if process.poll() is None:  # it puts back what it broke, given time
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=LIMIT)
        process.kill()
    assert process.returncode == INTERRUPTED, said
    assert "put back what was broken" in said
