"""Where results are kept, and the state of a task by its id.

SQLite by default (one host), Redis/Valkey or PostgreSQL by URL. `rpc://` too, with its limits: a result reaches only
the process that sent the task, and is gone when that process ends; so its tasks name its queue: `ResultStore.reply_to`.
"""

import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery, states
from celery.exceptions import OperationalError
from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url

from app.contract import Contract
from app.settings import Settings, SettingsError

# For Celery's loader: what addresses of these kinds stand for.
BACKENDS = {
    "db": "app.result_backends:DatabaseBackend",
    "redis": "app.result_backends:RedisBackend",
    "rediss": "app.result_backends:RedisBackend",
}
# What our own Valkey does when its memory is full. Every result has a time to live, so those that would expire next
# make room. Refusing new ones (noeviction) would stop the workers for the sake of old answers; and who was read last
# (lru) tells less, as most results are read once, as soon as they are there. The hosts' role `results` says the same.
EVICTION = "volatile-ttl"
# Seconds that a writer waits for another process's turn in SQLite.
SQLITE_BUSY = 10.0
# A waiting reader asks again after this long, and then ever more slowly up to the second value.
FIRST_LOOK, SLOWEST_LOOK = 0.01, 0.25


class ResultsUnavailable(Exception):
    """The result store cannot be reached or written; the text says why."""


@dataclass(frozen=True)
class TaskState:
    """What the result store says of a task. `pending` also stands for an id it has never heard of.

    `state` is pending, started, progress, retry, success, failure or revoked; `progress` what a running task says of
    itself; `result` only after success, `error` (type and message) after failure, retry and revoked.
    """

    id: str
    state: str
    result: Any = None
    progress: dict[str, Any] | None = None
    error: str | None = None

    @property
    def final(self) -> bool:
        return self.state in {"success", "failure", "revoked"}


class ResultStore:
    """Reads states by id. One a process; safe to share between threads."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self.rpc = app.conf.result_backend.startswith("rpc")
        self._rpc_lock = threading.Lock()
        self._rpc_backend: Any = None

    def state(self, task_id: str) -> TaskState:
        """What is known now. Raises ResultsUnavailable."""
        try:
            if self.rpc:
                with self._rpc_lock:
                    return _as_state(task_id, self._reply_backend().get_task_meta(task_id))
            # Not through AsyncResult: it caches, and asks again for each attribute.
            return _as_state(task_id, self._app.backend.get_task_meta(task_id, cache=False))
        except Exception as error:
            raise ResultsUnavailable(f"the result store cannot be read: {error}") from error

    def wait(self, task_id: str, timeout: float) -> TaskState:
        """The state once it is final, or the one after `timeout` seconds."""
        deadline, pause = time.monotonic() + timeout, FIRST_LOOK
        while not (found := self.state(task_id)).final and (left := deadline - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, SLOWEST_LOOK)
        return found

    def reply_to(self, timeout: float) -> str:
        """With `rpc://` only: the queue to which results must go to be read here. Raises ResultsUnavailable."""
        with self._rpc_lock:
            try:
                return str(self._reply_backend(timeout).oid)
            except (OperationalError, OSError) as error:
                raise ResultsUnavailable(f"there is no queue for results: {error}") from error

    def _reply_backend(self, timeout: float | None = None) -> Any:
        # Celery keeps a backend, and with it a reply queue, for each thread; here all threads share one.
        if self._rpc_backend is None:
            backend = self._app._get_backend()
            with self._app.connection_for_write(connect_timeout=timeout) as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=timeout)
                backend.binding(connection.default_channel).declare()
            self._rpc_backend = backend
        return self._rpc_backend


def result_settings(contract: Contract, settings: Settings) -> dict[str, Any]:
    """Celery's settings for the result store. Makes the folder of an SQLite file. Raises SettingsError."""
    url = settings.result_url.replace("valkey://", "redis://").replace("valkeys://", "rediss://")
    if url.startswith("db+sqlite:///"):
        folder = Path(make_url(url.removeprefix("db+")).database or ".").parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingsError(f"CELERY_BACKEND_URL: {folder}: {error.strerror}") from error
    return {
        "result_backend": url,
        "result_expires": contract.results.keep,
        "result_persistent": True,  # of rpc:// replies: they survive a restart of the broker
        "database_engine_callback": prepare_engine,
        "redis_socket_connect_timeout": 2.0,
        "redis_socket_timeout": 5.0,
        "result_backend_always_retry": True,
        "result_backend_max_retries": 3,
        "result_backend_base_sleep_between_retries_ms": 50,
    }


def prepare_engine(engine: Engine) -> None:
    """Make SQLite safe and quick enough for several processes: readers beside one writer, and writers that wait."""
    if engine.dialect.name != "sqlite":
        return

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        # The wait first: switching to the write-ahead log needs the file for itself for a moment.
        connection.execute(f"PRAGMA busy_timeout = {round(SQLITE_BUSY * 1000)}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")


def _as_state(task_id: str, meta: dict[str, Any]) -> TaskState:
    state, result = meta["status"], meta.get("result")
    name = state.lower()
    if state == states.SUCCESS:
        return TaskState(task_id, name, result=result)
    if state in states.EXCEPTION_STATES:
        return TaskState(task_id, name, error=f"{type(result).__name__}: {result}" if result is not None else None)
    known = name if state in {"PENDING", "STARTED", "PROGRESS"} else "started"
    return TaskState(task_id, known, progress=result if state == "PROGRESS" and isinstance(result, dict) else None)
