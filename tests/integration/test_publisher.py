"""The pipelined publisher against a real broker: what it promises about each message is true."""

import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pika
import pytest

from app.broker import names, topology
from app.broker.message import TaskMessage
from app.broker.publisher import Confirmation, FateUnknown, NotSent, Publisher
from app.broker.url import BrokerAddress, parse_url
from app.contract import Contract


def message(queue: str = "fast", **more: Any) -> TaskMessage:
    return TaskMessage(str(uuid.uuid4()), "noop", queue, **more)


@pytest.fixture
def address(vhost: Any) -> BrokerAddress:
    return parse_url(vhost.url(), "test")


@pytest.fixture
def channel(address: BrokerAddress, contract: Contract) -> Iterator[Any]:
    """A plain connection of the test's own, with the topology declared and the queues empty."""
    connection = pika.BlockingConnection(address.pika_parameters(contract))
    channel = connection.channel()
    topology.declare(channel, contract)
    for queue in contract.queues:
        channel.queue_purge(queue)
    yield channel
    if connection.is_open:
        connection.close()


@pytest.fixture
def publisher(address: BrokerAddress, contract: Contract) -> Iterator[Publisher]:
    publisher = Publisher(address, contract)
    yield publisher
    publisher.close()


def drain(channel: Any, queue: str) -> list[str]:
    """The task ids in a queue, in order."""
    ids = []
    while (got := channel.basic_get(queue, auto_ack=True))[0]:
        ids.append(got[1].headers["id"])
    return ids


def test_confirmed_means_on_the_broker(publisher: Publisher, channel: Any) -> None:
    sent = message(args=[1], kwargs={"x": "é"})
    confirmation = publisher.publish(sent, 5)
    assert confirmation.published <= confirmation.confirmed
    _, properties, body = channel.basic_get("fast", auto_ack=True)
    assert json.loads(body)[:2] == [[1], {"x": "é"}]
    assert (properties.delivery_mode, properties.correlation_id) == (2, sent.id)


def test_many_threads_share_the_connection_and_each_gets_its_own_confirm(publisher: Publisher, channel: Any) -> None:
    messages = [message() for _ in range(400)]
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda each: publisher.publish(each, 10), messages))
    assert len(outcomes) == 400
    assert sorted(drain(channel, "fast")) == sorted(each.id for each in messages)


def test_a_batch_keeps_its_order_and_each_outcome_is_its_own(publisher: Publisher, channel: Any) -> None:
    messages = [message(), message("nowhere"), message()]
    first, second, third = publisher.publish_many(messages, 5)
    assert isinstance(first, Confirmation)
    assert isinstance(second, NotSent)
    assert "no queue 'nowhere'" in str(second)
    assert isinstance(third, Confirmation)
    assert drain(channel, "fast") == [messages[0].id, messages[2].id]


def test_without_confirms_nobody_hears_of_what_the_broker_did_not_take(
    address: BrokerAddress, contract: Contract, channel: Any
) -> None:
    """Why it is for measuring only."""
    publisher = Publisher(address, contract, confirms=False)
    try:
        messages = [message(), message("nowhere"), message()]
        outcomes = publisher.publish_many(messages, 5)
        assert [type(each) for each in outcomes] == [Confirmation] * 3
    finally:
        publisher.close()
    assert drain(channel, "fast") == [messages[0].id, messages[2].id]


@pytest.mark.parametrize(
    ("user", "place", "why"),
    [("nobody", None, "refused the login"), (None, "nowhere", "refused access to the vhost")],
)
def test_a_wrong_login_is_surely_not_sent(
    address: BrokerAddress, contract: Contract, user: str | None, place: str | None, why: str
) -> None:
    wrong = BrokerAddress(address.hosts, user or address.user, address.password, place or address.vhost)
    publisher = Publisher(wrong, contract)
    with pytest.raises(NotSent, match=why):
        publisher.publish(message(), 2)
    publisher.close()


def test_a_blocked_broker_is_noticed_and_afterwards_all_is_well(
    rabbit: Any, publisher: Publisher, channel: Any
) -> None:
    publisher.publish(message(), 5)
    rabbit.memory_alarm(True)
    try:
        # The broker says `blocked` only to connections that publish, so the first message's fate is unknown.
        unsure = message()
        with pytest.raises(FateUnknown):
            publisher.publish(unsure, 1)
        with pytest.raises(NotSent, match="takes no messages"):
            publisher.publish(message(), 1)
    finally:
        rabbit.memory_alarm(False)
    after = message()
    for _ in range(50):
        try:
            publisher.publish(after, 1)
            break
        except NotSent:
            threading.Event().wait(0.1)
    ids = drain(channel, "fast")
    assert ids.count(after.id) == 1
    assert unsure.id in ids  # the very reason why its fate was called unknown


def test_a_countdown_waits_in_the_broker(contract: Contract) -> None:
    exchange, routing_key = message(countdown=90).route()
    assert exchange == "celery_delayed_27"
    assert routing_key.endswith(".fast")
    assert message(countdown=0.5).route() == (names.TASKS, "fast")


def test_a_countdown_that_nothing_would_take_is_refused_and_harms_nobody(publisher: Publisher, channel: Any) -> None:
    outcomes = publisher.publish_many([message(), message(countdown=90), message()], 5)
    assert [type(outcome) for outcome in outcomes] == [Confirmation, NotSent, Confirmation]
    assert "start a worker" in str(outcomes[1])
    channel.exchange_declare("celery_delayed_27", "topic", durable=True)
    channel.queue_declare("later", exclusive=True)
    channel.queue_bind("later", "celery_delayed_27", "#")
    for _ in range(50):
        if isinstance(publisher.publish_many([message(countdown=90)], 5)[0], Confirmation):
            break
        threading.Event().wait(0.1)
    assert channel.basic_get("later", auto_ack=True)[0], "once it is there it is found"


def test_what_cannot_be_encoded_is_its_senders_error(publisher: Publisher, channel: Any) -> None:
    with pytest.raises(TypeError):
        publisher.publish(message(args=[object()]), 5)
    publisher.publish(message(), 5)
    assert len(drain(channel, "fast")) == 1


def test_closing_leaves_no_thread(address: BrokerAddress, contract: Contract, channel: Any) -> None:
    before = threading.active_count()
    publisher = Publisher(address, contract)
    publisher.publish(message(), 5)
    publisher.close()
    assert threading.active_count() == before
