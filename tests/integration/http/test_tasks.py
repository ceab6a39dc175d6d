"""`POST /tasks/<name>`: what is accepted is on the broker, and what cannot work never gets there."""

import json
import time
import uuid
from http.client import HTTPConnection
from typing import Any

import pytest


def ready(channel: Any, queue: str) -> list[str]:
    """The ids of the messages in a queue; takes them out."""
    ids = []
    while (got := channel.basic_get(queue, auto_ack=True))[0]:
        ids.append(got[1].headers["id"])
    return ids


@pytest.fixture(autouse=True)
def empty_queues(channel: Any) -> None:
    for queue in ("fast", "io", "long"):
        channel.queue_purge(queue)


def test_accepted_means_on_the_broker(front: Any, channel: Any) -> None:
    answer = front.post("/tasks/add", json={"args": [1], "kwargs": {"y": 2}})
    assert answer.status_code == 202
    body = answer.json()
    assert body == {"id": body["id"], "task": "add", "queue": "fast", "state": "accepted"}
    assert answer.headers["Location"] == f"/tasks/{body['id']}"
    _, properties, message = channel.basic_get("fast", auto_ack=True)
    assert properties.headers["id"] == body["id"]
    assert json.loads(message)[:2] == [[1], {"y": 2}]
    assert "warren" not in properties.headers


def test_nothing_but_the_name_is_needed(front: Any, channel: Any) -> None:
    answer = front.post("/tasks/noop")
    assert answer.status_code == 202
    assert ready(channel, "fast") == [answer.json()["id"]]


def test_the_sender_may_choose_id_and_queue(front: Any, channel: Any) -> None:
    mine = f"mine-{uuid.uuid4()}"
    answer = front.post("/tasks/noop", json={"id": mine, "queue": "long"})
    assert (answer.json()["id"], answer.json()["queue"]) == (mine, "long")
    assert ready(channel, "long") == [mine]


def test_a_measured_task_carries_its_run_and_schedule(front: Any, channel: Any) -> None:
    before = time.time()
    answer = front.post("/tasks/noop", headers={"Warren-Run": "run-1", "Warren-Scheduled": "1700000000.25"})
    body = answer.json()
    assert before <= body["published"] <= body["confirmed"] <= time.time()
    _, properties, _ = channel.basic_get("fast", auto_ack=True)
    assert properties.headers["warren"]["run"] == "run-1"
    assert float(properties.headers["warren"]["scheduled"]) == 1700000000.25


@pytest.mark.parametrize(
    ("task", "order", "status", "says"),
    [
        ("nonsense", {}, 404, "there is no task 'nonsense'"),
        ("celery.backend_cleanup", {}, 404, "there is no task"),
        ("add", {"args": [1]}, 422, "argument 'y' is missing"),
        ("add", {"args": [1, 2, 3]}, 422, "argument 3 is one too many"),
        ("add", {"args": [1, "2"]}, 422, "argument 2"),
        ("add", {"kwargs": {"x": 1, "y": 2, "z": 3}}, 422, "there is no argument 'z'"),
        ("noop", {"args": "x"}, 422, "args: "),
        ("noop", {"queue": "nowhere"}, 422, "there is no queue 'nowhere'"),
        ("noop", {"queue": "dead"}, 422, "there is no queue 'dead'"),
        ("noop", {"id": "../etc"}, 422, "id: "),
        ("noop", {"id": ""}, 422, "id: "),
        ("noop", {"id": "x" * 200}, 422, "id: "),
        ("noop", {"countdown": -1}, 422, "countdown: "),
        ("noop", {"countdown": 1e12}, 422, "countdown: "),
        ("noop", {"colour": "red"}, 422, "colour: "),
    ],
)
def test_what_cannot_work_is_refused_before_it_is_published(
    front: Any, channel: Any, task: str, order: dict, status: int, says: str
) -> None:
    answer = front.post(f"/tasks/{task}", json=order)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert says in answer.json()["detail"]
    assert [ready(channel, queue) for queue in ("fast", "io", "long")] == [[], [], []]


@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        (b'{"args": [1', "application/json", 400, "not JSON"),
        (b"\xff\xfe", "application/json", 400, "not JSON"),
        (b"[]", "application/json", 422, "object"),
        (b"args=1", "application/x-www-form-urlencoded", 415, "must be JSON"),
        (b"{}", None, 415, "must be JSON"),
        (b'{"args": ["' + b"x" * 300_000 + b'"]}', "application/json", 413, "larger than 256000 bytes"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(
    front: Any, body: bytes, kind: str | None, status: int, says: str
) -> None:
    answer = front.post("/tasks/add", data=body, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == status
    assert says in answer.json()["detail"]


def test_a_body_of_unsaid_length_is_limited_too(front: Any) -> None:
    answer = front.post(
        "/tasks/add",
        data=iter([b'{"args": ["' + b"x" * 200_000, b"x" * 200_000 + b'"]}']),
        headers={"Content-Type": "application/json"},
    )
    assert answer.status_code == 413


def test_who_sends_too_much_slowly_gets_the_answer_too(front: Any) -> None:
    connection = HTTPConnection(front.url.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/tasks/add")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "4000000")
    connection.endheaders()
    for _ in range(40):
        connection.send(b" " * 100_000)
        time.sleep(0.02)
    assert connection.getresponse().status == 413
    connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("PUT", "/tasks/noop", 405), ("PATCH", "/dead", 405)]
)
def test_errors_of_the_server_itself_are_problems_too(front: Any, method: str, path: str, status: int) -> None:
    answer = front.request(method, path)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert ("Allow" in answer.headers) == (status == 405)


def test_a_batch_answers_for_each_of_its_tasks(front: Any, channel: Any) -> None:
    tasks = [
        {"task": "add", "args": [1, 2]},
        {"task": "nonsense"},
        {"task": "add", "args": [1]},
        {"task": "noop", "id": "twice"},
        {"task": "noop", "id": "twice"},
    ]
    answer = front.post("/batches", json={"tasks": tasks})
    assert answer.status_code == 207
    body = answer.json()
    assert (body["accepted"], body["refused"]) == (2, 3)
    assert [item.get("status", item.get("state")) for item in body["items"]] == ["accepted", 404, 422, "accepted", 422]
    assert ready(channel, "fast") == [body["items"][0]["id"], "twice"]


def test_a_batch_of_a_thousand_is_confirmed_as_one(front: Any, channel: Any) -> None:
    answer = front.post("/batches", json={"tasks": [{"task": "noop"}] * 1000})
    assert answer.status_code == 202
    assert ready(channel, "fast") == [item["id"] for item in answer.json()["items"]]


@pytest.mark.parametrize("tasks", [[], [{"task": "noop"}] * 1001])
def test_a_batch_of_none_or_too_many_is_refused(front: Any, tasks: list) -> None:
    assert front.post("/batches", json={"tasks": tasks}).status_code == 422


def test_the_plain_producer_sends_bytes_as_they_are(front: Any, channel: Any) -> None:
    answer = front.post("/plain", data=b"\x00 any \xff", headers={"Content-Type": "application/x-own"})
    assert answer.status_code == 202
    _, properties, body = channel.basic_get("plain", auto_ack=True)
    assert (body, properties.content_type) == (b"\x00 any \xff", "application/x-own")
    assert properties.message_id == answer.json()["id"]
    assert front.post("/plain").status_code == 422


def test_queues_shows_what_waits(front: Any) -> None:
    for _ in range(3):
        front.send_task("noop", queue="io")
    depth = {queue["name"]: queue["messages"] for queue in front.get("/queues").json()["queues"]}
    assert depth["io"] == 3


def test_metrics_count_requests_of_all_processes(front: Any) -> None:
    def counted() -> float:
        wanted = 'warren_http_requests_total{method="POST",route="/tasks/<task>",status="202"}'
        lines = [line for line in front.get("/metrics").text.splitlines() if line.startswith(wanted)]
        return sum(float(line.split()[-1]) for line in lines)

    before = counted()
    for _ in range(20):
        front.headers["Connection"] = "close"  # a new connection each time, for any process to take
        front.send_task("noop")
    del front.headers["Connection"]
    assert counted() == before + 20
