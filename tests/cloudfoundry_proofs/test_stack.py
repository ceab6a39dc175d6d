"""`pulumi up` on Korifi: serving when it says so, and unchanged by another one."""

from typing import Any


def test_it_serves_and_a_second_up_changes_nothing(site: Any) -> None:
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5
    site.stack.run("preview", "--expect-no-changes")
    site.stack.run("up", "--yes", "--expect-no-changes")
