"""`rpc://` when asked for: results by the broker itself, which reach only the process that sent the task."""

from typing import Any

import pytest

RPC = {"CELERY_BACKEND_URL": "rpc://"}


@pytest.fixture(scope="module")
def front(processes: Any) -> Any:
    """A front end whose results come by rpc, with a worker that sends them so."""
    front = processes.web(**RPC)
    for pool in ("fast", "long"):
        processes.start("worker", pool, role="worker", **RPC)
    return front


def test_who_asks_and_waits_in_one_request_gets_the_result(front: Any) -> None:
    assert front.get("/longtime_add?x=2&y=3").json() == 5


def test_a_sent_task_is_accepted_as_ever(front: Any) -> None:
    assert front.post("/tasks/add", json={"args": [1, 2]}).status_code == 202
