"""The producing half of the plain pair: any text or bytes, confirmed by the broker."""

from dataclasses import dataclass

import pika

from app.broker.message import PERSISTENT
from app.broker.names import PLAIN
from app.broker.publisher import Confirmation, Publisher


@dataclass(frozen=True)
class PlainMessage:
    """One message for the queue `plain`, in the shape that the Publisher sends."""

    id: str
    payload: bytes
    content_type: str = "application/octet-stream"
    queue: str = PLAIN

    def route(self) -> tuple[str, str]:
        """Exchange and routing key."""
        return PLAIN, PLAIN

    def body(self) -> bytes:
        return self.payload

    def properties(self) -> pika.BasicProperties:
        # The publisher knows a message that was returned to it by its correlation id.
        return pika.BasicProperties(
            content_type=self.content_type, message_id=self.id, correlation_id=self.id, delivery_mode=PERSISTENT
        )


def produce(publisher: Publisher, message: PlainMessage, timeout: float) -> Confirmation:
    """Publish and wait for the broker's confirm, `timeout` seconds at most. Raises NotSent or FateUnknown."""
    return publisher.publish(message, timeout)
