"""Reads a run's records from the stream `records`. Reading takes nothing away: any process can serve any reader.

A cursor says where to go on: `<offset>:<line>`, the position of a message in the stream and of a line in it; or, before
the first message was seen, `@<epoch seconds>`.
"""

import contextlib
import re
import time
from datetime import UTC, datetime
from json.encoder import encode_basestring_ascii as quote
from typing import Any

import pika
from pika.exceptions import AMQPError

from app.broker.names import RECORDS
from app.broker.url import BrokerAddress
from app.contract import Contract

PREFETCH = 50
MOST = 2000
# Once there are records, more are waited for only this long: seconds.
SETTLE = 0.02
CONNECT_TIMEOUT = 2.0
_CURSOR = re.compile(r"(?P<offset>\d{1,18}):(?P<line>\d{1,9})|@(?P<since>\d{1,11}(\.\d{1,9})?)")


class BadCursor(ValueError):
    """Not a cursor of ours."""


class RecordsUnavailable(Exception):
    """The stream cannot be read at present; the text says why."""


def read(
    address: BrokerAddress,
    contract: Contract,
    run: str,
    after: str | None = None,
    since: float | None = None,
    wait: float = 0.0,
    limit: int = MOST,
) -> tuple[list[bytes], str]:
    """Records of `run`, each a JSON object as bytes, and the cursor to go on from.

    Starts after the cursor `after`, or else with what was stored from `since` (epoch seconds) on. Waits up to `wait`
    seconds for the first record; returns at most `limit`. Who follows the cursors gets each line of the stream once. (A
    worker that is killed while it sends may leave a line there twice, both times the same.)
    Raises BadCursor and RecordsUnavailable.
    """
    reading = _Reading(run, after or f"@{since or 0.0:.6f}", limit)
    try:
        connection = pika.BlockingConnection(address.pika_parameters(contract, timeout=CONNECT_TIMEOUT))
        try:
            channel = connection.channel()
            channel.basic_qos(prefetch_count=PREFETCH)
            channel.basic_consume(RECORDS, reading.on_message, arguments={"x-stream-offset": reading.start})
            deadline = time.monotonic() + wait
            while not reading.full:
                seen = len(reading.lines)
                left = deadline - time.monotonic()
                connection.process_data_events(max(SETTLE, left) if not seen else SETTLE)
                if len(reading.lines) == seen and (seen or left <= 0):
                    break
        finally:
            # pika gives back with a nack what was delivered and not looked at; a stream closes the connection for that.
            with contextlib.suppress(AMQPError, OSError):
                connection.close()
    except (AMQPError, OSError) as error:
        raise RecordsUnavailable(f"the stream {RECORDS!r} cannot be read: {error!r}") from error
    return reading.lines, reading.cursor


class _Reading:
    def __init__(self, run: str, cursor: str, limit: int) -> None:
        match = _CURSOR.fullmatch(cursor)
        if not match:
            raise BadCursor(f"{cursor!r} is not a cursor; take it from `next` of the answer before")
        self.cursor = cursor
        self.lines: list[bytes] = []
        self.full = False
        self._limit = limit
        self._marker = b'"run":' + quote(run).encode("ascii") + b","
        self._from = (int(match["offset"]), int(match["line"])) if match["offset"] else (0, 0)
        # The broker starts at the chunk that holds the position asked for, which is at it or before.
        # One message back: for a position that is not there yet the broker takes whatever comes next, and that may be
        # later than what was asked for.
        self.start: Any = (
            max(0, self._from[0] - 1) if match["offset"] else datetime.fromtimestamp(float(match["since"]), UTC)
        )

    def on_message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        if self.full:
            return
        channel.basic_ack(method.delivery_tag)
        offset = int(properties.headers["x-stream-offset"])
        for number, line in enumerate(body.splitlines()):
            if (offset, number) < self._from or self._marker not in line:
                continue
            if len(self.lines) == self._limit:
                self.cursor, self.full = f"{offset}:{number}", True
                return
            self.lines.append(line)
        self.cursor = f"{max(offset + 1, self._from[0])}:0"
