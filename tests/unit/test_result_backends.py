"""A result store that fails must not hold a worker from one task to the next."""

from typing import Any

import pytest
from celery.exceptions import BackendGetMetaError, BackendStoreError
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError

from app import result_backends
from app.result_backends import PAUSE, Surviving


class Store:
    """Counts what it is asked to keep; fails when told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down: Exception | None = None

    def store_result(self, task_id: str, result: Any, state: str, **more: Any) -> Any:
        self.asked.append(task_id)
        if self.down:
            raise self.down
        return result

    def get_task_meta(self, task_id: str, cache: bool = True) -> dict[str, Any]:
        self.asked.append(task_id)
        if self.down:
            raise self.down
        return {"status": "SUCCESS"}


class Backend(Surviving, Store):
    pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    now = {"now": 1000.0}
    monkeypatch.setattr(result_backends.time, "monotonic", lambda: now["now"])
    return now


@pytest.mark.parametrize(
    "down", [BackendStoreError("down"), RedisError("down"), OperationalError("down", None, OSError())]
)
def test_a_store_that_failed_is_left_alone_for_a_moment_and_then_tried_again(clock, caplog, down: Exception):
    backend = Backend()
    backend.down = down
    assert [backend.store_result(task, task, "SUCCESS") for task in ("a", "b", "c")] == ["a", "b", "c"]
    assert backend.asked == ["a"]
    assert [record.args[0] for record in caplog.records if "is lost" in record.message] == ["a", "b", "c"]
    clock["now"] += PAUSE
    backend.down = None
    for task in ("d", "e"):
        backend.store_result(task, task, "SUCCESS")
    assert backend.asked == ["a", "d", "e"]


@pytest.mark.parametrize(
    "down", [BackendGetMetaError("down", task_id="a"), RedisError("down"), ConnectionRefusedError()]
)
def test_tasks_that_were_handed_out_again_do_not_wait_for_it_one_after_the_other(clock, down: Exception):
    backend = Backend()
    backend.down = down
    for task in ("a", "b", "c"):
        with pytest.raises(BackendGetMetaError):
            backend.get_task_meta(task)
        backend.store_result(task, task, "SUCCESS")
    assert backend.asked == ["a"]
    clock["now"] += PAUSE
    backend.down = None
    assert backend.get_task_meta("d") == {"status": "SUCCESS"}
