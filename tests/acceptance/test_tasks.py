"""Every task type, end to end: sent over HTTP, run by a worker, its end known over HTTP."""

import hashlib
from typing import Any

import pytest
import requests

from ..front_end import wait_until


def end(front: Any, task_id: str) -> dict[str, Any]:
    """The state once it is final."""
    return wait_until(
        lambda: (state := front.get(f"/tasks/{task_id}?wait=20").json())["state"] in ("success", "failure") and state,
        "the task's end",
        90,
    )


def test_add(front: Any) -> None:
    assert end(front, front.send_task("add", 2, 3))["result"] == 5


def test_longtime_add_as_a_task_and_as_a_page(front: Any) -> None:
    task = front.send_task("longtime_add", 20, 22)
    answer = front.get("/longtime_add?x=2&y=3")
    assert (answer.status_code, answer.text) == (200, "5")
    assert end(front, task)["result"] == 42


def test_get_dog_pics(front: Any, target: Any) -> None:
    state = end(front, front.send_task("get_dog_pics", "pug", 2))
    if state["state"] == "failure" and not target.own_pictures:
        pytest.skip(f"the target cannot reach its dog API: {state['error']}")
    assert len(state["result"]) == 2
    assert all(url.startswith("http") for url in state["result"])


def test_a_breed_that_cannot_be_fails_at_once(front: Any) -> None:
    assert "is not a breed" in end(front, front.send_task("get_dog_pics", "../etc", 2))["error"]


def test_download(front: Any, target: Any) -> None:
    if not target.download:
        pytest.skip("no address to download from; name one by --download")
    expected = requests.get(target.download, timeout=30).content
    result = end(front, front.send_task("download", target.download))["result"]
    assert (result["bytes"], result["sha256"]) == (len(expected), hashlib.sha256(expected).hexdigest())


@pytest.mark.parametrize("address", ["file:///etc/passwd", "ftp://example.org/x", "nonsense"])
def test_a_download_of_another_scheme_is_refused(front: Any, address: str) -> None:
    assert end(front, front.send_task("download", address))["error"].startswith("Refused")


def test_load_tasks_leave_their_records(run: Any) -> None:
    sent = {
        run.send("noop"): "success",
        run.send("sleep", 0.1): "success",
        run.send("cpu", 0.05): "success",
        run.send("fail"): "failure",
    }
    assert {record["id"]: record["state"] for record in run.finished()} == sent
    assert all(r["received"] <= r["started"] <= r["finished"] for r in run.records)


def test_a_countdown_is_waited_for(run: Any) -> None:
    task = run.send("noop", countdown=3)
    sooner = run.send("noop")
    order = [record["id"] for record in run.finished()]
    assert order == [sooner, task]


def test_a_batch(run: Any) -> None:
    run.send_many(200, "noop")
    records = run.finished()
    assert sorted(record["id"] for record in records) == sorted(run.accepted)


def test_the_plain_pair(front: Any) -> None:
    assert front.post("/plain", data=b"hello", headers={"Content-Type": "text/plain"}).status_code == 202

    def consumed() -> bool:
        plain = next(q for q in front.get("/queues").json()["queues"] if q["name"] == "plain")
        return plain["consumers"] > 0 and plain["messages"] == 0

    wait_until(consumed, "the plain consumer's turn")


def test_events_until_the_end(front: Any) -> None:
    with front.get(f"/tasks/{front.send_task('longtime_add', 1, 1)}/events", stream=True) as answer:
        states = [line for line in answer.iter_lines(decode_unicode=True) if line.startswith("data: ")]
    assert '"success"' in states[-1]
    assert len(states) >= 2


def test_a_rejected_task_is_a_dead_letter_until_someone_decides(front: Any, run: Any) -> None:
    def letters() -> list[dict[str, Any]]:
        return front.get(f"/dead?run={run.id}").json().get("messages", [])

    task = run.send("fail", "reject")
    dead = wait_until(letters, "the dead letter")
    assert [(each["id"], each["task"], each["reason"]) for each in dead] == [(task, "fail", "rejected")]
    assert front.post("/dead/replay", json={"run": run.id}).json()["done"] == 1
    again = wait_until(letters, "the second death")
    assert [each["id"] for each in again] == [task]
    assert front.delete("/dead", json={"run": run.id}).json()["done"] == 1
    assert letters() == []
