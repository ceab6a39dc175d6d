"""Requests that wait hold a thread each: there is a limit, and what does not wait is served beside them."""

from typing import Any

import requests


def test_requests_that_wait_leave_room_for_those_that_do_not(front: Any, contract: Any) -> None:
    places = contract.web.waiters * contract.web.processes
    streams = [requests.get(f"{front.url}/tasks/nobody-{n}/events", stream=True, timeout=20) for n in range(places + 8)]
    try:
        refused = [stream for stream in streams if stream.status_code == 503]
        assert 8 <= len(refused) < places
        assert refused[0].json()["sent"] == "no"
        # What does not wait is served, and who asks to wait is answered at once.
        assert front.get(f"/tasks/{front.send_task('noop')}?wait=1").json()["state"] == "pending"
    finally:
        for stream in streams:
            stream.close()
