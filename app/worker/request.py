"""Tasks and requests with what Celery leaves out: the beginning and the end of every measured attempt."""

import time
from typing import Any

import celery
from celery.worker import request as stock
from celery.worker import state as worker_state

from app.records import hooks
from app.worker.metrics import counts


class Task(celery.Task):
    """The base of every task."""

    abstract = True
    Request = "app.worker.request:Request"

    def before_start(self, *_: Any) -> None:
        """Called by Celery where the task runs, just before it does."""
        hooks.started(self)


class Request(stock.Request):
    """One delivery in the worker's main process.

    Here end the attempts that the process which runs tasks cannot speak of: killed at the hard limit, revoked, expired.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if measured := hooks.mark(self._request_dict):
            measured["received"] = time.time()

    def on_timeout(self, soft: bool, timeout: float) -> None:
        """The soft limit raises in the task, which then ends as any other; the hard limit kills its process."""
        if not soft and not worker_state.should_terminate:
            counts.failed[self.name] += 1
            hooks.ended(self._request_dict, self.name, "failure", started=self.time_start)
        super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, *args: Any, **kwargs: Any) -> Any:
        """Failures and lost processes."""
        counts.failed[self.name] += 1
        return super().on_failure(exc_info, *args, **kwargs)

    def on_retry(self, exc_info: Any) -> None:
        """Counted as a failure on the way here, which a retry is not."""
        counts.failed[self.name] -= 1
        counts.retried[self.name] += 1
        super().on_retry(exc_info)

    def _announce_revoked(self, reason: str, terminated: bool, signum: Any, expired: bool) -> None:
        hooks.ended(self._request_dict, self.name, "expired" if expired else "revoked", started=self.time_start)
        super()._announce_revoked(reason, terminated, signum, expired)
