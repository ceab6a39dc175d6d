"""Dead letters over HTTP: listing takes nothing away, replaying loses nothing, purging takes what was chosen."""

import json
import uuid
from typing import Any

import pika
import pytest

from app.broker import names, topology
from app.broker.dead_letter import Selection
from app.broker.dead_letters import DeadLetters
from app.broker.message import TaskMessage
from app.broker.url import parse_url

from ...front_end import wait_until


def let_die(channel: Any, *messages: TaskMessage) -> None:
    """Publish, and reject as a worker does that cannot handle them."""
    channel.confirm_delivery()
    for message in messages:
        exchange, key = message.route()
        channel.basic_publish(exchange, key, message.body(), message.properties(), mandatory=True)
    for message in messages:
        tag = wait_until(lambda queue=message.queue: channel.basic_get(queue)[0], "delivery").delivery_tag
        channel.basic_reject(tag, requeue=False)
    wait_until(lambda: depth(channel, "dead") >= len(messages), "dying")


def depth(channel: Any, queue: str) -> int:
    return channel.queue_declare(queue, passive=True).method.message_count


def message(task: str = "noop", queue: str = "fast", **more: Any) -> TaskMessage:
    return TaskMessage(str(uuid.uuid4()), task, queue, **more)


@pytest.fixture
def letters(channel: Any) -> Any:
    """Three dead letters: two of `fast`, one of them of a load run, and one of `io`."""
    for queue in ("dead", "fast", "io"):
        channel.queue_purge(queue)
    three = [message(args=[]), message("sleep", "io", args=[1]), message(run="run-7", scheduled=1.5)]
    let_die(channel, *three)
    yield three
    wait_until(lambda: channel.queue_purge("dead").method.message_count == 0, "emptying")


def ids(answer: Any) -> list[str]:
    return sorted(each["id"] for each in answer.json()["messages"])


def test_listing_says_what_died_where_and_why_and_takes_nothing(front: Any, letters: list[TaskMessage]) -> None:
    for _ in range(8):  # more often than the queue's own delivery limit would allow
        answer = front.get("/dead")
        assert ids(answer) == sorted(each.id for each in letters)
        assert answer.json()["truncated"] is False
    sleep = next(each for each in answer.json()["messages"] if each["task"] == "sleep")
    assert (sleep["queue"], sleep["reason"], sleep["count"]) == ("io", "rejected", 1)
    assert sleep["time"] > 1_700_000_000


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ("task=noop", [0, 2]),
        ("queue=io", [1]),
        ("run=run-7", [2]),
        ("reason=rejected", [0, 1, 2]),
        ("reason=expired", []),
        ("task=noop&run=run-7", [2]),
        ("task=sleep&run=run-7", []),
    ],
)
def test_filters_choose_those_that_fit_all(
    front: Any, letters: list[TaskMessage], query: str, chosen: list[int]
) -> None:
    assert ids(front.get(f"/dead?{query}")) == sorted(letters[place].id for place in chosen)


def test_a_short_list_says_that_there_are_more(front: Any, letters: list[TaskMessage]) -> None:
    assert front.get("/dead?limit=2").json()["truncated"] is True
    assert len(front.get("/dead?limit=2").json()["messages"]) == 2
    assert front.get("/dead?limit=3").json()["truncated"] is False


def test_one_letter_with_its_body(front: Any, letters: list[TaskMessage]) -> None:
    answer = front.get(f"/dead/{letters[1].id}")
    assert json.loads(answer.json()["body"])[0] == [1]
    assert front.get("/dead/unknown").status_code == 404


def test_replay_sends_the_chosen_back_with_their_ids(front: Any, channel: Any, letters: list[TaskMessage]) -> None:
    answer = front.post("/dead/replay", json={"run": "run-7"})
    assert answer.json() == {"done": 1, "remaining": 0, "failed": []}
    _, properties, body = wait_until(lambda: (got := channel.basic_get("fast", auto_ack=True))[0] and got, "replay")
    assert (properties.headers["id"], properties.headers["warren"]["run"]) == (letters[2].id, "run-7")
    assert body == letters[2].body()
    assert not [name for name in properties.headers if "death" in name]
    assert ids(front.get("/dead")) == sorted(each.id for each in letters[:2])


def test_replay_of_all_at_most_so_many(front: Any, channel: Any, letters: list[TaskMessage]) -> None:
    assert front.post("/dead/replay", json={"all": True, "limit": 2}).json()["remaining"] == 1
    assert front.post("/dead/replay", json={"all": True}).json() == {"done": 1, "remaining": 0, "failed": []}
    assert (depth(channel, "fast"), depth(channel, "io"), depth(channel, "dead")) == (2, 1, 0)


def test_what_came_from_nowhere_stays_and_is_named(front: Any, channel: Any, letters: list[TaskMessage]) -> None:
    channel.confirm_delivery()
    channel.basic_publish("dead", "dead", b"?", pika.BasicProperties(message_id="stray"), mandatory=True)
    answer = front.post("/dead/replay", json={"ids": ["stray"]}).json()
    assert (answer["done"], answer["failed"][0]["id"]) == (0, "stray")
    assert "stray" in ids(front.get("/dead"))


def test_purge_takes_the_chosen_only(front: Any, letters: list[TaskMessage]) -> None:
    assert front.delete("/dead", json={"task": "noop"}).json()["done"] == 2
    assert ids(front.get("/dead")) == [letters[1].id]


@pytest.mark.parametrize("choice", [{}, {"ids": []}, {"all": True, "task": "noop"}, {"tsak": "noop"}])
def test_nothing_chosen_is_refused(front: Any, letters: list[TaskMessage], choice: dict) -> None:
    assert front.post("/dead/replay", json=choice).status_code == 422
    assert front.delete("/dead", json=choice).status_code == 422
    assert len(ids(front.get("/dead"))) == 3


def test_two_operations_at_once_are_not_let_in(front: Any, channel: Any, letters: list[TaskMessage]) -> None:
    channel.queue_declare(names.DEAD_LOCK, exclusive=True, auto_delete=True)
    answer = front.post("/dead/replay", json={"all": True})
    assert answer.status_code == 409
    assert "another operation" in answer.json()["detail"]


def test_an_interrupted_replay_loses_nothing(
    module_vhost: Any, contract: Any, channel: Any, letters: list[TaskMessage], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted at the worst moment: sent again and confirmed, but not yet acknowledged as a dead letter."""
    dead = DeadLetters(parse_url(module_vhost.url("web"), "test"), contract)
    with monkeypatch.context() as patch:
        patch.setattr("pika.adapters.blocking_connection.BlockingChannel.basic_ack", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            dead.replay(Selection(), 10, 10)
    wait_until(lambda: depth(channel, "dead") == 3, "return of the unacknowledged")
    assert depth(channel, "fast") == 1  # doubled, not lost
    assert dead.replay(Selection(), 10, 10).done == 3


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt


def test_without_its_queue_the_answer_says_so(front: Any, channel: Any, contract: Any) -> None:
    channel.queue_delete("dead")
    try:
        answer = front.get("/dead")
        assert answer.status_code == 503
        assert "no queue 'dead'" in answer.json()["detail"]
    finally:
        topology.declare(channel, contract)
