"""Small measurements of what no run tells: how fast one results file, one follower, are; how large a message is."""

import json
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from celery import Celery, states

from app.broker.message import TaskMessage
from app.results import BACKENDS, prepare_engine
from loadtests.generator.follower import Follower
from loadtests.generator.parts import NoPart
from tests.followed import Told
from tests.large_run import START, make

SECONDS = 2.0
WRITERS = 2
FOLLOWED = 50_000


@dataclass(frozen=True)
class Small:
    """`results`, `follower`: per second; `message`: bytes of body and properties of a measured no-op."""

    results: float
    follower: float
    message: int


def measure() -> Small:
    """Some seconds."""
    with tempfile.TemporaryDirectory(prefix="warren-") as name:
        return Small(_results(Path(name)), _follower(Path(name) / "run"), _message())


def _results(folder: Path) -> float:
    """Results that a few processes together write to one SQLite file."""
    url = f"db+sqlite:///{folder}/results.db"
    with ProcessPoolExecutor(WRITERS, mp_context=get_context("spawn")) as pool:
        list(pool.map(_write, [url] * WRITERS, [0.2] * WRITERS))  # connects, and makes the tables
        return sum(pool.map(_write, [url] * WRITERS, [SECONDS] * WRITERS)) / SECONDS


def _write(url: str, seconds: float) -> int:
    app = Celery(backend=url, set_as_current=False)
    app.conf.update(database_engine_callback=prepare_engine)
    app.loader.override_backends = BACKENDS
    written, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        app.backend.store_result(str(uuid.uuid4()), 5, states.SUCCESS)
        written += 1
    return written


def _follower(run: Path) -> float:
    """Records that one generator reads, without HTTP."""
    front: Any = Told(make(run, FOLLOWED))
    follower = Follower(front, "made", START, NoPart(), lambda record: None)
    began, read = time.monotonic(), 0
    while found := follower.read(0):
        read += found
    return read / (time.monotonic() - began)


def _message() -> int:
    message = TaskMessage(str(uuid.uuid4()), "noop", "fast", run="20260101-000000-abcdef", scheduled=time.time())
    headers = message.properties().headers
    return len(message.body()) + len(json.dumps(headers))
