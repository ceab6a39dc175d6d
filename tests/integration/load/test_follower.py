"""What the generator learns of its tasks from a real front end."""

import time
from typing import Any

import requests

from loadtests.generator.follower import Follower
from loadtests.generator.front_end import FrontEnd
from loadtests.generator.parts import NoPart
from loadtests.local.stack import LocalStack

from .conftest import TOKEN

PATIENCE = 30  # seconds


def done(stack: LocalStack, front: FrontEnd, run: str, due: float) -> set[str]:
    """Some tasks of a run, sent, and their records stored. `due`: epoch seconds."""
    headers = {"Authorization": f"Bearer {TOKEN}", "Warren-Run": run, "Warren-Scheduled": str(due)}
    batch = {"tasks": [{"task": "noop"}] * 5}
    answer = requests.post(f"{stack.url}/batches", json=batch, headers=headers, timeout=10).json()
    sent = {item["id"] for item in answer["items"]}
    stored, end = list[dict[str, Any]](), time.monotonic() + PATIENCE
    while len(stored) < len(sent) and time.monotonic() < end:
        stored, _ = front.records(run, None, 0, 1.0)
    assert {record["id"] for record in stored} == sent
    return sent


def test_what_was_done_before_the_plan_began_is_followed_too(stack: LocalStack):
    """A closed loop's first users send while the last are still being started; or the broker's clock is behind ours."""
    front, began = FrontEnd(stack.url, TOKEN), time.time() + 2.0
    early = done(stack, front, "early", due=began)
    time.sleep(2.0)
    # Else the stream's end is where the broker begins to read.
    done(stack, front, "later", due=began)
    follower = Follower(front, "early", began, NoPart(), lambda record: None)
    follower.read(1.0)
    assert follower.accounted == early
