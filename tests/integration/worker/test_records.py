"""Records of measured tasks: one for each attempt's end, none for tasks that nobody measures, readable by cursor."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pika
import pytest

from app.broker.message import TaskMessage
from app.records import stream
from app.records.stream import BadCursor, RecordsUnavailable

KEYS = {
    "id", "run", "task", "queue", "scheduled", "received", "started", "finished", "state", "worker", "attempt",
    "redelivered",
}  # fmt: skip


def test_a_record_says_when_and_where_and_how_it_ended(stack: Any) -> None:
    before = time.time()
    stack.worker("io")
    sent = {stack.send(task, queue="io"): state for task, state in (("noop", "success"), ("fail", "failure"))}
    for record in stack.recorded(2):
        assert set(record) == KEYS
        assert before < record["scheduled"] < record["received"] < record["started"] < record["finished"] < time.time()
        assert record["state"] == sent[record["id"]] and record["queue"] == "io" and record["run"] == "run"
        assert record["worker"].startswith("io-0@") and record["attempt"] == 1 and record["redelivered"] is False


def test_a_task_that_nobody_measures_leaves_none(stack: Any) -> None:
    stack.worker("fast")
    quiet = TaskMessage("quiet", "noop", "fast")
    stack.channel.basic_publish(*quiet.route(), quiet.body(), quiet.properties())
    stack.send("noop")
    stack.recorded(1)
    assert stack.vhost.queues()["records"]["type"] == "stream"
    assert not [path for path in stack.folder.rglob("*.lines") if b"quiet" in path.read_bytes()]


def test_a_header_that_is_no_measurement_harms_nothing(stack: Any) -> None:
    stack.worker("fast")
    for odd in ("text", 7, {"run": 'a"b\n', "scheduled": "soon"}, {}, True):
        message = TaskMessage("odd", "noop", "fast")
        properties = message.properties()
        properties.headers["warren"] = odd
        stack.channel.basic_publish(*message.route(), message.body(), properties)
    sent = stack.send("noop")
    assert [record["id"] for record in stack.recorded(1)] == [sent]
    (odd,) = stack.recorded(1, 'a"b\n')
    assert odd["scheduled"] is None and odd["state"] == "success"


def test_a_stray_file_beside_the_records_keeps_up_nobody(stack: Any) -> None:
    stray = Path(stack.env["WARREN_DATA_DIR"]) / "records" / "notes.txt"
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text("mine")
    os.utime(stray, (0, 0))  # older than a folder that a worker has only just made
    stack.worker("fast")
    sent = {stack.send("noop") for _ in range(2)}
    assert {record["id"] for record in stack.recorded(2)} == sent
    assert stray.read_text() == "mine"


def test_expired_tasks_are_recorded(stack: Any) -> None:
    message = TaskMessage("late", "noop", "fast", run="run", scheduled=time.time())
    properties = message.properties()
    properties.headers["expires"] = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
    stack.channel.basic_publish(*message.route(), message.body(), properties)
    stack.worker("fast")
    assert [(record["id"], record["state"], record["started"]) for record in stack.recorded(1)] == [
        ("late", "expired", None)
    ]


def test_what_a_dead_worker_left_behind_is_sent_by_another(stack: Any, wait_until: Any) -> None:
    gone = stack.folder / "data/records/long-7@elsewhere"
    gone.mkdir(parents=True)
    line = b'{"id":"left","run":"run","task":"noop"}\n'
    (gone / "1-1-1.lines").write_bytes(line * 3)
    (gone / "1-1-1.sent").write_bytes(b"%020d" % len(line))
    stack.worker("fast")
    assert len(stack.recorded(2)) == 2, "from where the dead one had come to"
    wait_until(lambda: not gone.exists(), "its folder is cleared away")


def test_a_stopped_worker_leaves_nothing_behind(stack: Any) -> None:
    worker = stack.worker("long")
    for _ in range(5):
        stack.send("noop", queue="long")
    stack.recorded(5)
    worker.stop()
    assert list(stack.folder.rglob("records/*")) == []


def put(stack: Any, *messages: list[tuple[str, str]]) -> None:
    for message in messages:
        body = b"".join(b'{"id":"%s","run":"%s","x":1}\n' % (i.encode(), run.encode()) for i, run in message)
        stack.channel.basic_publish("records", "records", body, pika.BasicProperties(delivery_mode=2), mandatory=True)


def ids(lines: list[bytes]) -> list[str]:
    return [line.split(b'"')[3].decode() for line in lines]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
def test_following_the_cursors_gives_each_record_once(stack: Any, limit: int) -> None:
    began = time.time()
    put(stack, [("a", "r"), ("b", "other"), ("c", "r")], [("d", "r")], [("e", "other")])
    found: list[str] = []
    cursor = None
    for _ in range(12):
        lines, cursor = stream.read(stack.address, stack.contract, "r", cursor, since=began - 5, wait=0.2, limit=limit)
        assert len(lines) <= limit
        found += ids(lines)
        if len(found) == 3:
            put(stack, [("f", "r"), ("g", "r")])
    assert found == ["a", "c", "d", "f", "g"]


def test_a_reader_can_wait_and_begin_anywhere(stack: Any) -> None:
    put(stack, [("old", "r")])
    nothing, cursor = stream.read(stack.address, stack.contract, "r", since=time.time() + 60, wait=0)
    assert nothing == [] and cursor.startswith("@")
    assert ids(stream.read(stack.address, stack.contract, "r", wait=10)[0]) == ["old"]
    assert ids(stream.read(stack.address, stack.contract, "r", since=time.time() - 60, wait=10)[0]) == ["old"]
    _, cursor = stream.read(stack.address, stack.contract, "r", wait=10)
    assert stream.read(stack.address, stack.contract, "r", cursor) == ([], cursor)


def test_bad_cursors_and_missing_streams_are_said(stack: Any) -> None:
    for cursor in ("x", "1:", "@", "-1:0", "1:0; drop", "9" * 40 + ":0"):
        with pytest.raises(BadCursor):
            stream.read(stack.address, stack.contract, "r", cursor)
    with pytest.raises(RecordsUnavailable):
        stream.read(stack.address, stack.contract, "r")  # nothing is declared in this vhost yet


def test_records_outlive_the_broker(stack: Any, rabbit: Any, wait_until: Any) -> None:
    worker = stack.worker("fast")
    sent = {stack.send("noop") for _ in range(20)}
    worker.wait_for("ready")
    rabbit.kill()
    rabbit.start()
    wait_until(lambda: sent == {record["id"] for record in stack.records()}, "a record of every task")
    worker.signal(signal.SIGTERM)
    worker.ended()
