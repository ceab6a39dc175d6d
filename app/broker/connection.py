"""A short-lived connection to the broker, for what is asked now and then. Publishing tasks: `app.broker.publisher`."""

from collections.abc import Iterator
from contextlib import contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPConnectionError, AMQPError, ChannelClosedByBroker

from app.broker.url import BrokerAddress
from app.contract import Contract

NOT_FOUND = 404


class BrokerUnavailable(Exception):
    """The broker cannot be reached, or lacks what was asked for; the text says which, for people."""


@contextmanager
def open_channel(address: BrokerAddress, contract: Contract, timeout: float = 2.0) -> Iterator[BlockingChannel]:
    """A channel on a connection of its own, closed at the end. `timeout`: seconds for each step of connecting.

    Raises BrokerUnavailable in place of the library's connection errors, also for those raised inside the block.
    """
    try:
        with pika.BlockingConnection(address.pika_parameters(contract, timeout)) as connection:
            yield connection.channel()
    except ChannelClosedByBroker as error:
        if error.reply_code == NOT_FOUND:
            raise BrokerUnavailable(f"{error.reply_text}; a worker declares it when it starts") from error
        raise BrokerUnavailable(error.reply_text) from error
    except (AMQPConnectionError, OSError) as error:
        raise BrokerUnavailable(f"the broker at {address.safe} cannot be reached: {error!r}") from error
    except AMQPError as error:
        raise BrokerUnavailable(f"the broker at {address.safe}: {error!r}") from error
