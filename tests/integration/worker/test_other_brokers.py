"""RabbitMQ 4.0 and 4.3, which refuse what 3.10 still allows: the same stack works there too."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.broker.address import resolve_broker
from app.broker.message import TaskMessage
from app.broker.publisher import Publisher
from app.celery_app import create_app
from app.contract import Contract
from app.results import ResultStore
from app.settings import Settings
from loadtests.local.rabbitmq import RabbitMQNode
from tests.integration.brokers import unpacked


class WholeNode:
    """A node's one vhost, where other tests have a vhost among many."""

    def __init__(self, node: RabbitMQNode) -> None:
        self.rabbit, self.url, self.name = node, node.url, node.files.vhost


@pytest.fixture(scope="module", params=["trixie", "sid"])
def vhost(
    request: pytest.FixtureRequest, contract: Contract, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WholeNode]:
    program = unpacked(request.param)
    with RabbitMQNode(tmp_path_factory.mktemp(request.param), contract, program=program) as node:
        assert node.version >= {"trixie": (4, 0), "sid": (4, 3)}[request.param]
        yield WholeNode(node)


def test_a_worker_consumes_and_answers_and_comes_back(stack: Any, wait_until: Any, celery: Any) -> None:
    first = stack.worker("fast")
    sent = stack.send("noop", run="a")
    assert [record["id"] for record in stack.recorded(1, "a")] == [sent]
    assert wait_until(lambda: celery.control.ping(timeout=2), "an answer to a ping")
    assert first.stop() == 0
    assert stack.worker("fast").stop() == 0, "everything can be declared again"
    # 4.0 still allows them and says so in its log; 4.3 refuses them.
    log = stack.vhost.rabbit.log()
    assert "transient_nonexcl_queues" not in log and "global_qos" not in log


def test_a_countdown_and_a_retry_really_run(stack: Any, wait_until: Any, failing_server: str) -> None:
    stack.worker("long", WARREN_DOWNLOAD_PRIVATE="true")
    late = stack.send("noop", queue="long", countdown=2, run="b")
    soon = stack.send("noop", queue="long", run="b")
    assert [record["id"] for record in stack.recorded(2, "b")] == [soon, late]
    stack.send("download", failing_server, run="c")
    assert [(r["attempt"], r["state"]) for r in stack.recorded(2, "c")] == [(1, "retry"), (2, "success")]


def test_a_task_that_kills_its_process_ends_as_a_dead_letter(stack: Any, wait_until: Any) -> None:
    stack.worker("long")
    sent = {stack.send("fail", "kill", queue="long"), stack.send("fail", "reject", queue="long")}
    wait_until(lambda: stack.waiting("dead") == 2, "dead letters")
    assert {dead["id"] for dead in stack.take("dead")} == sent


def test_a_result_comes_back_by_rpc(stack: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stack.worker("fast", CELERY_BACKEND_URL="rpc://")
    monkeypatch.setenv("CELERY_BACKEND_URL", "rpc://")
    address = resolve_broker({"CELERY_BROKER_URL": stack.vhost.url("web")})
    store = ResultStore(create_app(stack.contract, Settings.load(), address))
    publisher = Publisher(address, stack.contract)
    for number in range(3):
        message = TaskMessage(f"rpc-{number}", "add", "fast", [number, 1], reply_to=store.reply_to(10))
        publisher.publish(message, timeout=10)
    assert [store.wait(f"rpc-{number}", 20).result for number in (2, 0, 1)] == [3, 1, 2]
