"""How the front end ends, and what of it survives a kill."""

import signal
import threading
from typing import Any

import psutil
import pytest

from ...front_end import wait_until


@pytest.fixture
def web(processes: Any) -> Any:
    """A front end of the test's own, with its main process and the others."""
    front = processes.web()
    front.main = processes.last
    front.others = psutil.Process(front.main.pid).children()
    return front


def listening(front: Any) -> bool:
    port = int(front.url.rpartition(":")[2])
    return any(c.laddr.port == port for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)


def test_told_to_stop_it_answers_who_waits_and_leaves_nothing(web: Any) -> None:
    answers: list[Any] = []
    waiting = threading.Thread(target=lambda: answers.append(web.get("/tasks/nobody?wait=30")))
    waiting.start()
    threading.Event().wait(0.5)  # for the request to arrive; one that comes too late would be refused, and fail this
    web.main.send_signal(signal.SIGTERM)
    assert web.main.wait(20) == 0
    waiting.join(5)
    assert [(answer.status_code, answer.json()["state"]) for answer in answers] == [(200, "pending")]
    assert not listening(web)
    assert not [process for process in web.others if process.is_running()]


def test_a_killed_main_process_takes_the_others_with_it(web: Any) -> None:
    web.main.kill()
    web.main.wait()
    wait_until(lambda: not listening(web), "the port's release")
    psutil.wait_procs(web.others, timeout=20)
    assert not [process for process in web.others if process.is_running()]


def test_a_killed_process_is_replaced(web: Any) -> None:
    killed = web.others[0]
    killed.kill()

    def replaced() -> bool:
        now = {child.pid for child in psutil.Process(web.main.pid).children()}
        return len(now) == len(web.others) and killed.pid not in now

    wait_until(replaced, "the replacement")
    wait_until(web.is_ready, "readiness")
    for _ in range(10):
        web.headers["Connection"] = "close"
        web.send_task("noop")
