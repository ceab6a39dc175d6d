"""The plain pika pair: produced with a confirm, consumed, acknowledged after the work, or a dead letter."""

import signal
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from app.broker.publisher import Publisher
from app.plain.producer import PlainMessage, produce

# A consumer whose work takes its time, as a script of a user's own would be.
SLOW = """
import time
from app.__main__ import _log_to_stderr
from app.plain.consumer import run_consumer, write_to_log
_log_to_stderr()
def slowly(body, properties):
    print("working on", body.decode(), flush=True)
    time.sleep(1.5)
    write_to_log(body, properties)
run_consumer(slowly)
"""


@pytest.fixture
def publisher(stack: Any) -> Iterator[Publisher]:
    assert stack.channel, "the topology is declared"
    publisher = Publisher(stack.address, stack.contract)
    yield publisher
    publisher.close()


def test_what_is_produced_is_consumed_and_counted(stack: Any, publisher: Publisher, wait_until: Any) -> None:
    for number in range(3):
        produce(publisher, PlainMessage(f"id-{number}", f"hällo {number}".encode(), "text/plain"), 5)
    produce(publisher, PlainMessage("broken", b"\xff\xfe"), 5)
    assert stack.waiting("plain") == 4
    consumer = stack.run("consumer", role="consumer", WARREN_METRICS_PORT=str(stack.free_port()))
    wait_until(lambda: stack.waiting("dead") == 1, "the broken one among the dead letters")
    for number in range(3):
        consumer.wait_for(f"consumed id-{number}: hällo {number}")
    with urllib.request.urlopen(f"http://127.0.0.1:{stack.port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'warren_plain_messages_total{outcome="consumed"} 3.0' in text
    assert consumer.stop() == 0
    assert "3 consumed, 1 rejected" in consumer.log()
    assert stack.waiting("plain") == 0


def test_a_stopped_consumer_finishes_the_message_in_hand_and_hands_back_the_rest(
    stack: Any, publisher: Publisher
) -> None:
    for number in range(5):
        produce(publisher, PlainMessage(f"id-{number}", str(number).encode()), 5)
    consumer = stack.script(SLOW, role="consumer")
    consumer.wait_for("working on 0")
    assert consumer.stop() == 0
    assert "consumed id-0" in consumer.log() and "working on 1" not in consumer.log()
    assert stack.waiting("plain") == 4


def test_a_killed_consumer_loses_nothing(stack: Any, publisher: Publisher, wait_until: Any) -> None:
    produce(publisher, PlainMessage("only", b"0"), 5)
    consumer = stack.script(SLOW, role="consumer")
    consumer.wait_for("working on 0")
    consumer.signal(signal.SIGKILL)
    consumer.ended()
    stack.run("consumer", role="consumer").wait_for("consumed only")


def test_a_consumer_outlives_its_connection(stack: Any, publisher: Publisher) -> None:
    consumer = stack.run("consumer", role="consumer")
    consumer.wait_for("consuming from plain")
    stack.close_connections("consumer")
    consumer.wait_for("again in about")
    produce(publisher, PlainMessage("later", b"text"), 5)
    consumer.wait_for("consumed later")


def test_a_wrong_password_is_said_and_not_tried_for_ever(stack: Any) -> None:
    user, _, rest = stack.vhost.url("consumer").partition(":")[2].partition(":")
    url = f"amqp:{user}:wrong-secret@{rest.partition('@')[2]}"
    for command in (["consumer"], ["worker", "fast"], ["beat"]):
        process = stack.run(*command, CELERY_BROKER_URL=url)
        assert process.ended() == 2, process.log()
        assert "password" in process.log() and "wrong-secret" not in process.log()
        assert "Traceback" not in process.log()
