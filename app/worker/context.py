"""What the parts of one worker share; they find it at the Celery app, as `app.worker_context`."""

from dataclasses import dataclass

from app.contract import Contract, Pool
from app.worker.liveness import Pulse
from app.worker.stop import Stop


@dataclass(frozen=True)
class WorkerContext:
    contract: Contract
    pool: Pool
    pulse: Pulse
    stop: Stop
