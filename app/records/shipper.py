"""Sends spooled lines to the stream `records`, in a thread of the worker's main process."""

import logging
import threading
import time
from pathlib import Path

import pika
from pika.exceptions import AMQPError

from app.broker.names import RECORDS
from app.broker.url import BrokerAddress
from app.contract import Contract
from app.records.lock import Taken
from app.records.spool import Folder, Segment

log = logging.getLogger(__name__)

EVERY = 0.2  # seconds between two looks; the times in a record do not depend on it
BATCH = 150_000  # bytes in one message, about 500 lines
LOOK_EVERY = 1.0  # between two looks for new files while there is much to do
ADOPT_EVERY = 5.0
EMPTY_FOR = 60.0  # after that, a folder that nobody holds and nothing is in goes
RECONNECT_AFTER = 1.0
LAST_CHANCE = 5.0  # seconds for what is left when the worker stops; what stays is sent by the next worker


class Shipper:
    """Ships a worker's own folder and, once their workers are dead, those of others beside it."""

    def __init__(self, address: BrokerAddress, contract: Contract, folder: Folder) -> None:
        self._parameters = address.pika_parameters(contract)
        self._own = folder
        self._adopted: list[Folder] = []
        self._adopt_at = self._look_at = 0.0
        self._segments: list[Segment] = []
        self._connection: pika.BlockingConnection | None = None
        self._channel: pika.adapters.blocking_connection.BlockingChannel | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="records", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Send what is there, a few seconds at most, and end. Call it when nothing writes any more."""
        self._stopping.set()
        self._thread.join(LAST_CHANCE * 2)

    def pending(self) -> int:
        """Bytes that wait to be sent, of this worker's own."""
        total = 0
        for path in self._own.path.glob("*.lines"):
            try:
                sent = int(path.with_suffix(".sent").read_text() or 0)
                total += path.stat().st_size - sent
            except (OSError, ValueError):
                continue
        return total

    def _run(self) -> None:
        deadline = None
        while True:
            if self._stopping.is_set():
                deadline = deadline or time.monotonic() + LAST_CHANCE
            empty = self._turn()
            if deadline and (empty or time.monotonic() > deadline):
                break
            self._stopping.wait(EVERY) if deadline is None else time.sleep(EVERY)
        for folder in [self._own, *self._adopted]:
            folder.close()
        if self._connection is not None and self._connection.is_open:
            self._connection.close()

    def _turn(self) -> bool:
        """Ship what there is. True when nothing is left.

        Each system call here takes the interpreter away from the tasks and back. So what need not be done each time is
        done when there is nothing to ship, and else once a second.
        """
        empty = False
        try:
            shipped = [self._ship(segment) for segment in self._segments]
            if not any(shipped) or time.monotonic() > self._look_at:
                self._look_at = time.monotonic() + LOOK_EVERY
                self._adopt()
                folders = [self._own, *self._adopted]
                for folder in folders:
                    folder.clear()
                self._segments = [segment for folder in folders for segment in folder.segments()]
                if self._connection is not None:
                    self._connection.process_data_events(0)
                empty = not self._segments
        except (AMQPError, OSError) as error:
            if self._connection is not None or self._stopping.is_set():
                log.warning("records wait on disk: %s", str(error) or repr(error))
            self._connection = self._channel = None
            self._stopping.wait(RECONNECT_AFTER)
            return False
        return empty

    def _ship(self, segment: Segment) -> bool:
        shipped = False
        while body := segment.read(BATCH):
            self._connected().basic_publish(
                RECORDS, RECORDS, body, pika.BasicProperties(delivery_mode=2), mandatory=True
            )
            # The broker has it: a crash before the next line sends this batch twice, never not at all.
            segment.sent(len(body))
            shipped = True
            if len(body) < BATCH // 2:
                break  # what came meanwhile fills the next batch
        return shipped

    def _connected(self) -> "pika.adapters.blocking_connection.BlockingChannel":
        if self._channel is None or self._connection is None or self._connection.is_closed:
            self._connection = pika.BlockingConnection(self._parameters)
            self._channel = self._connection.channel()
            self._channel.confirm_delivery()
        return self._channel

    def _adopt(self) -> None:
        """Take over the folders of workers that died and left lines behind, and will perhaps never come back."""
        if time.monotonic() < self._adopt_at:
            return
        self._adopt_at = time.monotonic() + ADOPT_EVERY
        for folder in self._adopted[:]:
            if folder.clear():
                folder.close()
                self._adopted.remove(folder)
        mine = {self._own.path, *(folder.path for folder in self._adopted)}
        for path in sorted(Path(self._own.path.parent).iterdir()):
            if path in mine or not path.is_dir():
                continue
            try:
                # Without lines it may be one that its worker has only just made.
                if any(path.glob("*.lines")) or time.time() - path.stat().st_mtime > EMPTY_FOR:
                    self._adopted.append(Folder(path))
                    log.info("taking over the records of %s", path.name)
            except (Taken, OSError):  # in good hands, gone meanwhile, or somebody else's
                continue
