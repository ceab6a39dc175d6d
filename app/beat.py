"""beat, the sender of periodic tasks, and what keeps a second one from sending everything twice.

The lock is an exclusive queue: the broker gives it to one connection and takes it back when that one ends, however it
ends. So it holds across hosts, and a crashed beat leaves nothing to clear away.
"""

import logging
import os
import signal
import threading
from typing import Any

import click
import pika
from celery.beat import PersistentScheduler
from pika.exceptions import (
    AMQPError,
    ChannelClosedByBroker,
    ProbableAccessDeniedError,
    ProbableAuthenticationError,
)

from app.broker.address import resolve_broker
from app.broker.names import BEAT_LOCK
from app.broker.url import BrokerAddress
from app.celery_app import create_app
from app.contract import Contract, load_contract
from app.service_manager import alive, ready, waiting
from app.settings import Settings

log = logging.getLogger(__name__)

RESOURCE_LOCKED = 405
RETRY_EVERY = 2.0  # seconds
# The loop turns this often, to be seen alive, however rare the tasks are.
LONGEST_TURN = 5.0


class BeatRuns(Exception):
    """Another beat holds the lock."""


class BeatLock:
    """Held over a connection of its own, kept alive in a thread, and taken again after the broker was away."""

    def __init__(self, address: BrokerAddress, contract: Contract) -> None:
        self._parameters = address.pika_parameters(contract)
        self._connection: pika.BlockingConnection | None = None
        self.held = threading.Event()

    def acquire(self) -> None:
        """Take the lock. Raises BeatRuns, or AMQPError and OSError when the broker cannot be reached."""
        connection = pika.BlockingConnection(self._parameters)
        try:
            connection.channel().queue_declare(BEAT_LOCK, exclusive=True, auto_delete=True)
        except ChannelClosedByBroker as error:
            connection.close()
            if error.reply_code == RESOURCE_LOCKED:
                raise BeatRuns("another beat runs on this broker; stop it first, or leave it to its work") from error
            raise
        self._connection = connection
        self.held.set()

    def keep(self) -> None:
        """Hold it from now on, in the background. Ends this process when another beat has taken it meanwhile."""
        threading.Thread(target=self._keep, name="beat-lock", daemon=True).start()

    def _keep(self) -> None:
        pause = threading.Event()
        while True:
            try:
                if self._connection is None:
                    self.acquire()
                    log.info("holding the lock again")
                elif self.held.is_set():
                    self._connection.process_data_events(1.0)
            except BeatRuns as error:
                log.critical("%s", error)
                os.kill(os.getpid(), signal.SIGTERM)
                return
            except (AMQPError, OSError) as error:
                if self.held.is_set():
                    log.warning("lost the lock with the connection to the broker: %r", error)
                self.held.clear()
                self._connection = None
                pause.wait(RETRY_EVERY)


class GuardedScheduler(PersistentScheduler):
    """Sends only while the lock is held; what falls due meanwhile is sent once afterwards."""

    def tick(self, *args: Any, **kwargs: Any) -> float:
        alive()
        if not self.app.beat_lock.held.is_set():
            return 1.0
        return min(super().tick(*args, **kwargs), LONGEST_TURN)


def run_beat() -> int:
    """Run until stopped. Waits for a broker that is away; ends with 1 when another beat runs."""
    settings = Settings.load()
    contract = load_contract(settings.stack_file)
    address = resolve_broker(os.environ)
    app = create_app(contract, settings, address)
    app.log.setup("INFO")
    logging.getLogger("app").setLevel(logging.INFO)
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    settings.data_folder()
    app.beat_lock = _first_lock(address, contract)
    app.beat_lock.keep()
    ready("holding the lock")
    app.Beat(scheduler_cls=GuardedScheduler, loglevel="INFO", quiet=True).run()
    return 0


def _first_lock(address: BrokerAddress, contract: Contract) -> BeatLock:
    lock, said = BeatLock(address, contract), False
    while True:
        try:
            lock.acquire()
            return lock
        except BeatRuns as error:
            raise click.ClickException(str(error)) from error
        except (ProbableAuthenticationError, ProbableAccessDeniedError, ChannelClosedByBroker) as error:
            why = f"the broker at {address.safe} refuses us ({error!r}); check user, password, vhost and rights"
            raise click.UsageError(why) from error
        except (AMQPError, OSError) as error:
            if not said:
                log.warning("waiting for the broker at %s: %r", address.safe, error)
            said = True
            waiting(RETRY_EVERY)
            threading.Event().wait(RETRY_EVERY)
