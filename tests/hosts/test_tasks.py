"""Work is really done, by every host that should do it."""

import time
import uuid
from typing import Any

import pytest

from .units import cores, show, workers

# A task of each kind that is quick, harmless and made for measuring.
TASKS = {"noop": [], "sleep": [0], "cpu": [0.001]}
AT_ONCE, TURNS = 100, 20


def test_the_front_end_is_ready_and_asks_for_its_token(front: Any, deployment: Any) -> None:
    ready = front.get("/readyz")
    assert ready.ok, f"{front.url} does not reach the broker: {ready.text}"
    known = front.headers.pop("Authorization")
    try:
        refused = front.post("/tasks/noop", json={"args": []}).status_code
    finally:
        front.headers["Authorization"] = known
    assert refused == 401, f"anyone may send tasks ({refused}): WARREN_TOKEN_FILE is empty; run site.yml"


def pools_by_task(deployment: Any) -> dict[str, str]:
    """For each pool a task that reaches it."""
    contract = deployment.contract
    return {
        pool: task
        for pool, about in contract.pools.items()
        for task in TASKS
        if contract.queue_of(task) in about.queues
    }


@pytest.fixture(scope="session")
def done_by(front: Any, deployment: Any) -> dict[str, set[str]]:
    """Pool to hosts that finished a task of ours."""
    hosts = {machine.name.partition(".")[0] for machine in deployment.group("workers")}
    return {pool: who_does(front, task, hosts) for pool, task in pools_by_task(deployment).items()}


def who_does(front: Any, task: str, wanted: set[str]) -> set[str]:
    """Send until every host has had its turn, or it is clear that one does not take any."""
    run, query, found = f"check-{uuid.uuid4().hex[:12]}", "", set()
    for _ in range(TURNS):
        body = {"tasks": [{"task": task, "args": TASKS[task]}] * AT_ONCE}
        answer = front.post("/batches", json=body, headers={"Warren-Run": run})
        assert answer.ok, f"{front.url} takes no tasks: {answer.status_code} {answer.text}"
        sent, ended, deadline = AT_ONCE, 0, time.monotonic() + 30
        while ended < sent and time.monotonic() < deadline:
            said = front.get(f"/runs/{run}/records?wait=2{query}").json()
            query = f"&after={said['next']}"
            ended += len(said["records"])
            found |= {record["worker"].partition("@")[2].partition(".")[0] for record in said["records"]}
        assert ended >= sent, (
            f"only {ended} of {sent} {task} tasks have ended after 30 s; see: journalctl -u 'warren-worker@*'"
        )
        if found >= wanted:
            break
    return found


@pytest.mark.on("workers")
def test_a_task_of_each_pool_is_done_on_this_host(host: Any, done_by: dict[str, set[str]]) -> None:
    name = host.machine.name.partition(".")[0]
    idle = sorted(pool for pool, hosts in done_by.items() if name not in hosts)
    assert not idle, (
        f"{name} did none of {AT_ONCE * TURNS} tasks of the pools {idle}; systemctl restart 'warren-worker@*'"
    )


@pytest.mark.on("workers")
def test_workers_are_not_being_restarted(host: Any, deployment: Any) -> None:
    units = workers(deployment, host.machine, cores(host))
    before = {unit: said["MainPID"] for unit, said in show(host, units).items()}
    time.sleep(2)
    after = {unit: said["MainPID"] for unit, said in show(host, units).items()}
    assert before == after, "workers come and go; see: journalctl -u 'warren-worker@*' -p warning"


def test_results_come_back(front: Any) -> None:
    said = front.get(f"/tasks/{front.send_task('add', 2, 3)}?wait=20").json()
    assert said.get("result") == 5, (
        f"the front end says {said}; is the result store up? journalctl -u 'warren-worker@*'"
    )


@pytest.mark.on("consumer")
def test_the_plain_consumer_consumes(host: Any, front: Any) -> None:
    plain = next((queue for queue in front.get("/queues").json()["queues"] if queue["name"] == "plain"), None)
    assert plain and plain["consumers"] > 0, "nobody reads the queue `plain`; journalctl -u warren-consumer"
