"""A task that runs for a while as things change around it, and how it ends."""

import uuid
from typing import Any

from .front_end import FrontEnd, wait_until

LONG = 20  # seconds


class LongTask:
    """One `sleep`, in a pool of one's choice."""

    def __init__(self, front: FrontEnd, queue: str = "long", seconds: float = LONG) -> None:
        self.front = front
        self.run = f"proof-{uuid.uuid4().hex}"
        order = {"args": [seconds], "queue": queue}
        answer = front.post("/tasks/sleep", json=order, headers={"Warren-Run": self.run})
        assert answer.status_code == 202, answer.text
        self.id = answer.json()["id"]

    def ends(self, within: float = 180) -> list[dict[str, Any]]:
        """The records of its attempts, when it has finished."""

        found: list[dict[str, Any]] = wait_until(lambda: self.ended(5), "the task's end", within)
        return found

    def ended(self, wait: int = 0) -> list[dict[str, Any]]:
        """The same, empty while it runs."""
        # A broker that has only just come back may not have its copy of the records yet.
        records = self.front.get(f"/runs/{self.run}/records?wait={wait}").json().get("records", [])
        return records if any(record["state"] == "success" for record in records) else []


def assert_done_once(records: list[dict[str, Any]]) -> None:
    assert [record["state"] for record in records] == ["success"], records
    assert [record["attempt"] for record in records] == [1]
    assert not records[0]["redelivered"]


def assert_done(records: list[dict[str, Any]]) -> None:
    """At least once: who loses its broker cannot acknowledge what it runs, and it is handed out again."""
    assert {record["state"] for record in records} == {"success"}, records
    assert all(record["redelivered"] for record in records[1:]), records
