"""Plain `locust -f loadtests/locustfile.py` against a real stack."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from loadtests.analysis.analyse import Asked, analyse
from loadtests.local.ports import free_ports
from loadtests.local.stack import LocalStack

from .conftest import ROOT, TOKEN, Locust

FOREIGN = """
from celery import Celery
import os
app = Celery("foreign", broker=os.environ["FOREIGN_BROKER"])

@app.task(name="my.task")
def mine(x, y):
    return x + y
"""


def test_it_shows_requests_and_whole_lives_and_loses_nothing(locust: Locust):
    ended = locust("-u", "20", "-t", "4s", "--rate", "100")
    assert ended.code == 0, ended.said
    assert "/tasks/noop" in ended.said
    assert "noop → done" in ended.said
    result = ended.result()
    assert result.ledger.accepted > 200
    assert (result.ledger.balanced, result.ledger.finished) == (True, result.ledger.accepted)
    assert "a token of the tests" not in (ended.results / "parts" / "run" / "phase.json").read_text()


def test_every_stage_of_a_task_is_known_and_in_order(locust: Locust):
    ended = locust("-u", "10", "--tasks", "60", "--rate", "60", "--warmup", "0")
    ended.result()
    wrong = """NOT (scheduled <= sent AND sent <= published AND published <= confirmed AND confirmed <= answered
                    AND published <= received AND received <= started AND started <= finished AND finished <= known)"""
    assert ended.rows(f"SELECT count(*), count(*) FILTER (WHERE {wrong}) FROM TASKS") == [(60, 0)]


def test_several_processes_send_one_plan_and_make_one_ledger(locust: Locust):
    one = locust("-u", "10", "--tasks", "90", "--rate", "90", "--scenario", "add")
    one.result()
    plan = one.rows("SELECT count(*), count(DISTINCT id) FROM TASKS")
    gaps = "SELECT round(scheduled - min(scheduled) OVER (), 3) FROM TASKS ORDER BY 1"
    alone = one.rows(gaps)
    several = locust("-u", "10", "--tasks", "90", "--rate", "90", "--scenario", "add", "--processes", "2")
    assert several.code == 0, several.said
    result = several.result()
    assert len(list(several.results.glob("parts/run/sends-*"))) == 2
    assert several.rows("SELECT count(*), count(DISTINCT id) FROM TASKS") == plan == [(90, 90)]
    assert several.rows(gaps) == alone
    assert (result.ledger.balanced, result.ledger.finished) == (True, 90)


def test_recorded_traffic_is_replayed_and_then_it_ends(locust: Locust, tmp_path: Path):
    traffic = tmp_path / "traffic.csv"
    traffic.write_text('time,task,args\n100,noop,\n100.5,add,"[2, 3]"\n101,sleep,"{""seconds"": 0.1}"\n')
    ended = locust("-u", "5", "--replay", str(traffic), "--warmup", "0")
    assert ended.code == 0, ended.said
    ended.result()
    rows = ended.rows("SELECT task, round(scheduled - min(scheduled) OVER (), 1), state FROM TASKS ORDER BY 2")
    assert rows == [("noop", 0.0, "success"), ("add", 0.5, "success"), ("sleep", 1.0, "success")]


def test_failures_and_dead_letters_are_told_apart(locust: Locust):
    failing = locust("-u", "5", "--tasks", "5", "--task", "fail", "--args", '["raise"]', "--drain", "10")
    book = failing.result().ledger
    assert (book.balanced, book.finished, book.failed, book.dead_lettered) == (True, 5, 5, 0)
    rejecting = locust("-u", "5", "--tasks", "5", "--task", "fail", "--args", '["reject"]', "--drain", "10")
    book = rejecting.result().ledger
    assert (book.balanced, book.finished, book.dead_lettered) == (True, 0, 5)


def test_a_stall_of_the_workers_is_in_the_latency_of_all_that_were_due(locust: Locust, stack: LocalStack):
    """Workers stand still for two seconds of a run at 50 a second: about a hundred tasks were due meanwhile."""
    workers = [each.name for each in stack.processes() if each.role == "worker"]

    def stall() -> None:
        time.sleep(3.0)
        for name in workers:
            stack.kill(name, signal.SIGSTOP)
        time.sleep(2.0)
        for name in workers:
            stack.kill(name, signal.SIGCONT)

    thread = threading.Thread(target=stall)
    thread.start()
    ended = locust("-u", "50", "-t", "7s", "--rate", "50", "--arrivals", "constant", "--warmup", "0")
    thread.join()
    result = ended.result()
    assert result.ledger.balanced
    ((slow,),) = ended.rows("SELECT count(*) FROM TASKS WHERE finished - scheduled > 1")
    # Those due in the first of the two seconds waited for longer than one.
    assert 30 <= slow <= 150


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--rate", "0"], "'0' is not a number above 0"),
        (["--rate", "many"], "'many' is not a number above 0"),
        (["--scenario", "nope"], "invalid choice: 'nope'"),
        (["--args", "[1"], "is not JSON"),
        (["--replay", "nowhere.csv"], "nowhere.csv: No such file"),
        (["--warmup", "-1"], "'-1' is not a number of seconds"),
    ],
)
def test_bad_options_are_refused_before_anything_is_sent(locust: Locust, options: list[str], complaint: str):
    ended = locust("-t", "3s", *options)
    assert ended.code == 2
    assert complaint in ended.said
    assert not ended.results.exists()


def test_a_wrong_token_and_a_front_end_that_is_away_are_said_before_anything_is_sent(locust: Locust):
    wrong = locust("-t", "3s", token="wrong")
    assert (wrong.code, "refused the token" in wrong.said) == (2, True), wrong.said
    away = locust("-t", "3s", host="http://127.0.0.1:1")
    assert (away.code, "does not answer" in away.said) == (2, True), away.said
    assert not list(away.results.rglob("sends-*"))


def test_an_unknown_task_is_refused_and_the_ledger_says_so(locust: Locust):
    ended = locust("-u", "2", "--tasks", "3", "--task", "nobody.knows", "--warmup", "0")
    assert ended.code == 1
    book = ended.result().ledger
    assert (book.sent, book.accepted, book.refused, book.balanced) == (3, 0, 3, True)


def test_unmeasured_tasks_leave_no_records(locust: Locust):
    ended = locust("-u", "5", "--tasks", "20", "--unmeasured", "--warmup", "0")
    assert ended.code == 0, ended.said
    book = ended.result().ledger
    assert (book.accepted, book.not_known, book.missing) == (20, 20, 0)
    assert not list(ended.results.rglob("records-*"))


def test_a_stack_that_is_not_ours_by_its_broker(locust: Locust, stack: LocalStack, tmp_path: Path):
    """A stock worker with events: published with confirms, followed by what it tells."""
    (tmp_path / "foreign.py").write_text(FOREIGN)
    command = [sys.executable, "-m", "celery", "-A", "foreign", "worker", "-c", "1", "-E", "-Q", "theirs", "-l", "INFO"]
    environment = os.environ | {"FOREIGN_BROKER": stack.broker_url}
    log = tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while " ready." not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.2)
        mine = ("--task", "my.task", "--args", "[1, 2]", "--queue", "theirs", "--warmup", "0")
        ended = locust("-u", "5", "--tasks", "40", "--rate", "40", *mine, WARREN_BROKER_URL=stack.broker_url)
    finally:
        worker.terminate()
        worker.wait(20)
    assert ended.code == 0, ended.said
    assert "my.task → done" in ended.said
    book = ended.result().ledger
    assert (book.accepted, book.finished, book.balanced) == (40, 40, True)
    nowhere = locust("-t", "3s", "--task", "my.task", "--queue", "no such", WARREN_BROKER_URL=stack.broker_url)
    assert (nowhere.code, "there is no queue 'no such'" in nowhere.said) == (2, True)


def test_its_page_starts_one_run_after_another(stack: LocalStack, tmp_path: Path):
    """Locust's web UI: two tests from one process are two runs, with parts of their own."""
    (port,) = free_ports(1)
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "loadtests" / "locustfile.py"), "--host", stack.url]
    command += ["--web-host", "127.0.0.1", "--web-port", str(port), "--results", str(tmp_path / "results")]
    environment = os.environ | {"WARREN_TOKEN": TOKEN}
    locust = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    page = f"http://127.0.0.1:{port}"
    try:
        _until(lambda: _answers(page))
        assert TOKEN not in requests.get(page, timeout=10).text
        for number in (1, 2):
            form = {"user_count": 5, "spawn_rate": 5, "host": stack.url, "rate": "40", "tasks": "30", "warmup": "0"}
            requests.post(f"{page}/swarm", data=form, timeout=10).raise_for_status()
            _until(lambda number=number: _ended_phases(tmp_path) == number)
            stats = requests.get(f"{page}/stats/requests", timeout=10).json()["stats"]
            assert {"/tasks/noop", "noop → done"} <= {each["name"] for each in stats}
    finally:
        locust.terminate()
        locust.communicate(timeout=30)
    runs = [json.loads(each.read_text()) for each in tmp_path.glob("results/parts/*/phase.json")]
    assert {each["phase"] for each in runs} == {"run", "run-2"}
    assert len({each["run"] for each in runs}) == 2
    assert analyse(tmp_path / "results", Asked()).ledger.finished == 60


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def _ended_phases(folder: Path) -> int:
    return sum(json.loads(each.read_text())["ended"] is not None for each in folder.glob("results/parts/*/phase.json"))


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.2)
