"""Figures of others, for what is not measured here. Each has its source; none of them is ours."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """`value` in messages a second."""

    value: float
    what: str
    source: str


_BENCHMARKS = "RabbitMQ team, AMQP 1.0 Benchmarks, 2024-08-21, https://www.rabbitmq.com/blog/2024/08/21/amqp-benchmarks"
_ON = "RabbitMQ 4.0 beta on one node with 3 schedulers, 12-byte messages, AMQP 0.9.1, confirmed"

QUORUM = Published(70_067, f"{_ON}, one quorum queue, flow control raised", _BENCHMARKS)
QUORUM_SLOW_DISK = Published(
    9_931, f"{_ON}, one quorum queue, default flow control, 5.9 ms for each fsync", _BENCHMARKS
)
STREAM = Published(88_912, f"{_ON}, one stream", _BENCHMARKS)
# Not a measurement: the link that is assumed between machines.
LINK = 10e9 / 8  # bytes a second
