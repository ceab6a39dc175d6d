"""Parts restarted under way: what was accepted finishes."""

import threading
import time
from typing import Any

import pytest

from ..front_end import wait_until

PAUSE = 0.5  # seconds between two batches: a restart may take minutes, and what was sent has to be done afterwards


@pytest.mark.parametrize("part", ["worker", "web", "broker"])
def test_a_restart_loses_nothing(target: Any, front: Any, run: Any, part: str) -> None:
    if target.restart is None:
        pytest.skip("the target offers no restart; name a command by --restart")
    if part not in target.parts:
        pytest.skip(f"the target's {part} is not ours to restart")
    run.send_many(100, "noop")
    restarting = threading.Thread(target=target.restart, args=(part,))
    restarting.start()
    while restarting.is_alive():
        run.send_many(50, "noop")
        time.sleep(PAUSE)
    restarting.join()
    wait_until(front.is_ready, "readiness", 120)
    run.send_many(100, "noop")
    records = run.finished(within=120)
    assert {record["state"] for record in records} == {"success"}
    # At least once: none is missing (`finished` saw to that), and there is none that nobody sent.
    assert {record["id"] for record in records} >= set(run.accepted)
