"""What hands that reach a running deployment share: limits given back as they were, and putting back whatever comes."""

import json
from collections import Counter

import pytest

from app.contract import Contract
from loadtests.faults import alarms, hands
from loadtests.faults.schedule import Kind
from loadtests.hosts.remote import RemoteError
from loadtests.local.errors import NotReady


def status(watermark: dict[str, object]) -> str:
    return json.dumps({"vm_memory_high_watermark_setting": watermark, "disk_free_limit": 1_000_000_000})


@pytest.mark.parametrize(
    ("kind", "watermark", "as_before"),
    [
        ("memory-alarm", {"relative": 0.4}, "set_vm_memory_high_watermark 0.4"),
        ("memory-alarm", {"absolute": 800_000_000}, "set_vm_memory_high_watermark absolute 800000000"),
        ("disk-alarm", {"relative": 0.4}, "set_disk_free_limit 1000000000"),
    ],
)
def test_a_limit_is_given_back_as_it_was(kind: Kind, watermark: dict[str, object], as_before: str):
    raised, back = alarms.raising(kind, status(watermark))
    assert " ".join(back) == f"rabbitmqctl -q {as_before}"
    assert raised[:3] == back[:3] and raised != back


def test_what_fails_to_be_put_back_is_tried_again(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hands, "_PAUSE", 0.0)
    came: list[Exception | KeyboardInterrupt | None] = [RemoteError("busy"), RemoteError("busy"), None]
    hands.put_back(lambda: _raise(came.pop(0)), "by hand")
    assert came == []


def test_ctrl_c_comes_after_it_was_put_back(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hands, "_PAUSE", 0.0)
    came: list[Exception | KeyboardInterrupt | None] = [KeyboardInterrupt(), RemoteError("killed"), None]
    with pytest.raises(KeyboardInterrupt):
        hands.put_back(lambda: _raise(came.pop(0)), "by hand")
    assert came == []


def test_what_cannot_be_put_back_is_left_to_people_in_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hands, "_PAUSE", 0.0)
    with pytest.raises(NotReady, match=r"(?s)no way to host1.*by hand: nft delete"):
        hands.put_back(lambda: _raise(RemoteError("no way to host1")), "nft delete")


def test_who_should_read_a_queue_follows_from_the_processes_that_run(contract: Contract):
    (pool, settings), *_ = contract.pools.items()
    found = hands.readers(contract, Counter({pool: 3, "of another stack": 2}), plain=True)
    assert found == Counter(dict.fromkeys(settings.queues, 3)) + Counter({"plain": 1})


def _raise(error: BaseException | None) -> None:
    if error:
        raise error


def test_a_target_that_does_not_answer_for_once_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(hands, "_EVERY", 0.0)
    said: list[Exception | KeyboardInterrupt | None] = [RemoteError("busy"), None]
    hands.until(lambda: _raise(said.pop(0)))
    assert said == []


def test_the_leader_of_a_queue_is_told_by_its_host():
    said = json.dumps([{"name": "fast", "leader": "rabbit@broker2.example.org"}, {"name": "io", "leader": ""}])
    assert [hands.leader_host(said, queue) for queue in ("fast", "io", "gone")] == ["broker2", "", ""]
