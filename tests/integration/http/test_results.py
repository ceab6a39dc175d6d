"""What becomes of a task, over HTTP: its state, waiting for it, its events, revoking it, its record."""

import json
import threading
import time
import uuid
from typing import Any

import pytest

from ...front_end import wait_until

pytestmark = pytest.mark.usefixtures("workers")


def events(answer: Any) -> list[dict]:
    """The states in an event stream, up to its end."""
    lines = [line for line in answer.iter_lines(decode_unicode=True) if line.startswith("data: ")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def test_a_result_can_be_waited_for(front: Any) -> None:
    answer = front.get(f"/tasks/{front.send_task('add', 2, 3)}?wait=20")
    assert (answer.json()["state"], answer.json()["result"]) == ("success", 5)


def test_a_failure_says_why(front: Any) -> None:
    answer = front.get(f"/tasks/{front.send_task('get_dog_pics', 'NOT A BREED', 3)}?wait=20").json()
    assert answer["state"] == "failure"
    assert "is not a breed" in answer["error"]
    assert "result" not in answer


def test_an_id_never_heard_of_is_pending(front: Any) -> None:
    assert front.get(f"/tasks/{uuid.uuid4()}").json()["state"] == "pending"


@pytest.mark.parametrize("query", ["wait=-1", "wait=31", "wait=x", "wiat=1"])
def test_a_wait_that_cannot_be_is_refused(front: Any, query: str) -> None:
    assert front.get(f"/tasks/some?{query}").status_code == 422


def test_events_tell_each_change_until_the_end(front: Any) -> None:
    task = front.send_task("longtime_add", 2, 3, countdown=1)  # so that the stream begins before the task
    with front.get(f"/tasks/{task}/events", stream=True) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        seen = events(answer)
    assert [each["state"] for each in seen] == ["pending", "started", "success"]
    assert seen[-1]["result"] == 5


def test_longtime_add_answers_the_sum_as_text(front: Any) -> None:
    answers: dict[str, Any] = {}
    paths = ["/longtime_add", "/longtime_add?x=20&y=22"]
    threads = [threading.Thread(target=lambda p=path: answers.update({p: front.get(p)})) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[path].text for path in paths] == ["5", "42"]
    assert answers[paths[0]].headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize("query", ["x=two", "x=1.5", "y=", "z=1", "x=1" + "0" * 30])
def test_longtime_add_refuses_what_is_no_number(front: Any, query: str) -> None:
    assert front.get(f"/longtime_add?{query}").status_code == 422


def test_a_revoked_task_does_not_run(front: Any) -> None:
    busy = front.send_task("longtime_add", 1, 1)  # keeps the pool's one worker
    waiting = front.send_task("longtime_add", 1, 1)
    answer = front.delete(f"/tasks/{waiting}")
    assert (answer.status_code, answer.json()) == (202, {"id": waiting, "state": "revoking"})
    assert front.get(f"/tasks/{waiting}?wait=30").json()["state"] == "revoked"
    assert front.get(f"/tasks/{busy}?wait=30").json()["state"] == "success"


def test_records_of_a_run_come_once_each_in_pages(front: Any) -> None:
    run, began = f"run-{uuid.uuid4().hex[:8]}", time.time()
    for _ in range(3):
        tasks = [{"task": "noop"}] * 50
        assert front.post("/batches", json={"tasks": tasks}, headers={"Warren-Run": run}).status_code == 202
    front.send_task("noop")  # not measured: leaves no record
    records: list[dict] = []
    query = f"since={began - 1}"

    def read() -> bool:
        nonlocal query
        body = front.get(f"/runs/{run}/records?wait=5&{query}").json()
        records.extend(body["records"])
        query = f"after={body['next']}"
        return len(records) >= 150

    wait_until(read, "150 records")
    assert front.get(f"/runs/{run}/records?{query}").json()["records"] == []
    assert len({record["id"] for record in records}) == len(records) == 150
    assert {(record["run"], record["state"], record["task"]) for record in records} == {(run, "success", "noop")}
    assert all(r["scheduled"] <= r["received"] <= r["started"] <= r["finished"] for r in records)


@pytest.mark.parametrize("query", ["after=nonsense", "wait=11", "since=-1"])
def test_records_refuse_what_is_no_cursor(front: Any, query: str) -> None:
    assert front.get(f"/runs/some/records?{query}").status_code == 422
