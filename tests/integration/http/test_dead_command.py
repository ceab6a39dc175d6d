"""`warren dead` as a user types it, against a front end."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.broker.message import TaskMessage
from loadtests.commands.dead import dead

from ...front_end import wait_until


@pytest.fixture
def letters(channel: Any) -> list[str]:
    """Three dead letters: two `noop`, one `sleep`."""
    for queue in ("dead", "fast", "io"):
        channel.queue_purge(queue)
    channel.confirm_delivery()
    ids = ["a", "b", "c"]
    for task_id, task, queue in zip(ids, ("noop", "noop", "sleep"), ("fast", "fast", "io"), strict=True):
        message = TaskMessage(task_id, task, queue)
        channel.basic_publish(*message.route(), message.body(), message.properties(), mandatory=True)
        tag = wait_until(lambda queue=queue: channel.basic_get(queue)[0], "delivery").delivery_tag
        channel.basic_reject(tag, requeue=False)
    wait_until(lambda: channel.queue_declare("dead", passive=True).method.message_count == 3, "dying")
    return ids


def warren(*arguments: str, typed: str = "") -> Any:
    """Run it as a user does; `exit_code`, `stdout`, `stderr`."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(dead, arguments, input=typed)


def left(front: Any) -> list[str]:
    return sorted(json.loads(warren("--url", front.url, "list", "--json").stdout)["messages"], key=lambda m: m["id"])


def test_list_and_show(front: Any, letters: list[str]) -> None:
    listed = warren("--url", front.url, "list", "--task", "noop")
    assert listed.exit_code == 0
    assert "2 dead letter(s)" in listed.stdout
    assert "rejected" in listed.stdout
    assert [m["id"] for m in left(front)] == letters
    assert json.loads(warren("--url", front.url, "show", "c").stdout)["task"] == "sleep"


def test_replay_by_id_and_by_filter(front: Any, channel: Any, letters: list[str]) -> None:
    assert "1 replayed" in warren("--url", front.url, "replay", "a").stdout
    assert "1 replayed" in warren("--url", front.url, "replay", "--queue", "io").stdout
    assert [m["id"] for m in left(front)] == ["b"]
    assert channel.queue_declare("io", passive=True).method.message_count == 1


def test_purge_asks_first(front: Any, letters: list[str]) -> None:
    refused = warren("--url", front.url, "purge", "--all", typed="n\n")
    assert refused.exit_code == 1
    assert len(left(front)) == 3
    assert "2 thrown away" in warren("--url", front.url, "purge", "a", "b", "--yes").stdout
    assert [m["id"] for m in left(front)] == ["c"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["replay"], 2, "say which"),
        (["replay", "--all", "--task", "noop"], 2, "say which"),
        (["purge", "--yes"], 2, "say which"),
        (["list", "--limit", "0"], 2, "--limit"),
        (["show", "unknown"], 1, "no dead letter"),
    ],
)
def test_bad_input_is_refused(front: Any, letters: list[str], arguments: list[str], code: int, says: str) -> None:
    done = warren("--url", front.url, *arguments)
    assert done.exit_code == code
    assert says in done.stderr
    assert len(left(front)) == 3


def test_no_front_end_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nobody = warren("--url", "http://127.0.0.1:9", "list")
    assert nobody.exit_code == 1
    assert "does not answer" in nobody.stderr
    nowhere = warren("list")
    assert nowhere.exit_code == 2
    assert "warren up" in nowhere.stderr


def test_a_missing_token_is_said(processes: Any) -> None:
    guarded = processes.web(WARREN_TOKEN="secret")
    refused = warren("--url", guarded.url, "list")
    assert refused.exit_code == 1
    assert "--token" in refused.stderr
    assert warren("--url", guarded.url, "--token", "secret", "list").exit_code == 0
