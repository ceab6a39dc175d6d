"""What beat sends and when: stack.yml's periodic tasks, and the clearing out of expired results."""

import random
from typing import Any

from celery.beat import BeatLazyFunc

from app.contract import Contract

# The expired are cleared out this many times within the period results are kept, but not more often than each minute.
CLEANUPS_PER_PERIOD = 24
SHORTEST_CLEANUP = 60.0


def any_number() -> int:
    """A random number, drawn when beat sends the task."""
    return random.randint(0, 99)  # noqa: S311 - not a secret


# Arguments that a periodic task is sent with; one that is not named here takes none.
ARGUMENTS = {"add": (BeatLazyFunc(any_number), BeatLazyFunc(any_number))}


def schedule(contract: Contract) -> dict[str, Any]:
    """Celery's `beat_schedule` from the contract."""
    entries: dict[str, Any] = {
        name: {"task": name, "schedule": periodic.every, "args": ARGUMENTS.get(name, ())}
        for name, periodic in contract.beat.items()
    }
    # Celery's own entry of this name runs once a day only, however short results are kept.
    every = max(SHORTEST_CLEANUP, contract.results.keep / CLEANUPS_PER_PERIOD)
    entries["celery.backend_cleanup"] = {
        "task": "celery.backend_cleanup",
        "schedule": every,
        "options": {"expires": every},
    }
    return entries
