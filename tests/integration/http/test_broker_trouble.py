"""The broker away, silent or blocked: a 503 in time that says what became of the message; afterwards all is well."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ...front_end import FrontEnd, wait_until

# The bound, with room for a busy machine: the request itself is cut off by the front end, not by us.
WITHIN = 5.0
REQUESTS = [
    ("POST", "/tasks/noop", {"json": {"id": "chosen"}}),
    ("POST", "/batches", {"json": {"tasks": [{"task": "noop"}, {"task": "noop"}]}}),
    ("POST", "/plain", {"data": b"x"}),
    ("GET", "/longtime_add", {}),
    ("GET", "/queues", {}),
    ("GET", "/dead", {}),
    ("GET", "/runs/some/records", {}),
    ("DELETE", "/tasks/some", {}),
]


@pytest.fixture
def running(rabbit: Any, front: Any) -> Iterator[None]:
    """The broker runs, before and after."""
    yield
    rabbit.resume()
    if rabbit.pid is None:
        rabbit.start()
    wait_until(front.is_ready, "the front end's recovery")


@pytest.mark.usefixtures("running")
def test_stopped(front: Any, rabbit: Any) -> None:
    rabbit.kill()
    wait_until(lambda: not front.is_ready(), "notice of the loss")
    for method, path, more in REQUESTS:
        began = time.monotonic()
        answer = front.request(method, path, **more)
        assert time.monotonic() - began < WITHIN, path
        assert answer.status_code == 503, path
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"] == "application/problem+json"
    refused = front.post("/tasks/noop", json={"id": "chosen"}).json()
    assert (refused["sent"], refused["id"]) == ("no", "chosen")
    # The process itself is well: nobody should restart it for this. What needs no broker still works.
    assert front.get("/healthz").status_code == 200
    assert front.get("/tasks/some").status_code == 200
    rabbit.start()
    wait_until(front.is_ready, "the front end's recovery")
    front.send_task("noop")


@pytest.mark.usefixtures("running")
def test_silent_means_that_the_fate_is_unknown_and_sending_again_may_run_it_twice(
    front: Any, rabbit: Any, channel: Any
) -> None:
    channel.queue_purge("fast")
    channel.connection.close()
    mine = f"mine-{uuid.uuid4()}"
    front.send_task("noop", id="before")
    rabbit.pause()
    answer = front.post("/tasks/noop", json={"id": mine})
    assert (answer.status_code, answer.json()["sent"], answer.json()["id"]) == (503, "unknown", mine)
    rabbit.resume()
    again = wait_until(
        lambda: (answer := front.post("/tasks/noop", json={"id": mine})).status_code == 202 and answer, "the second try"
    )
    assert again.json()["id"] == mine

    def depth() -> int:
        return next(q["messages"] for q in front.get("/queues").json()["queues"] if q["name"] == "fast")

    # Both attempts had arrived, together with the one before: at least once, never lost.
    wait_until(lambda: depth() >= 3, "both messages")


@pytest.fixture
def alarm(rabbit: Any, front: Any) -> Iterator[None]:
    """The broker's memory alarm is on, and off again afterwards."""
    front.send_task("noop")
    rabbit.memory_alarm(True)
    yield
    rabbit.memory_alarm(False)
    wait_until(lambda: front.post("/tasks/noop").status_code == 202, "the end of the alarm")


@pytest.mark.usefixtures("alarm")
def test_blocked_by_an_alarm(front: Any) -> None:
    began = time.monotonic()
    first = front.post("/tasks/noop")
    assert time.monotonic() - began < WITHIN
    assert first.status_code == 503

    # Each of the processes learns of the alarm by its own first try; from then on nothing is sent.
    def surely_not_sent() -> bool:
        front.headers["Connection"] = "close"
        answer = front.post("/tasks/noop")
        assert answer.status_code == 503
        return answer.json()["sent"] == "no" and "takes no messages" in answer.json()["detail"]

    wait_until(surely_not_sent, "notice of the alarm")
    del front.headers["Connection"]


def test_a_wrong_password_is_named(processes: Any, module_vhost: Any) -> None:
    url = module_vhost.url("web").replace("web:", "web:wrong")
    unready = processes.web(until=FrontEnd.is_up, CELERY_BROKER_URL=url)
    wait_until(lambda: "check user and password" in unready.get("/readyz").json()["detail"], "the broker's refusal")
    assert "check user and password" in unready.post("/tasks/noop").json()["detail"]
