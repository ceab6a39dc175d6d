"""Tasks that only make load: nothing, waiting, computing, failing. Their results are not kept."""

import os
import signal
import time

from celery import shared_task


class MeantToFail(Exception):
    """What the `fail` task raises."""


@shared_task(name="noop", ignore_result=True)
def noop() -> None:
    """Nothing."""


@shared_task(name="sleep", ignore_result=True)
def sleep(seconds: float = 1.0) -> None:
    """Wait, as a task does that waits for another service."""
    time.sleep(seconds)


@shared_task(name="cpu", ignore_result=True)
def cpu(seconds: float = 0.1) -> None:
    """Compute for that many seconds of processor time."""
    end = time.thread_time() + seconds
    number = 1
    while time.thread_time() < end:
        number = number * 6364136223846793005 % 18446744073709551557


@shared_task(name="fail", ignore_result=True)
def fail(how: str = "raise") -> None:
    """Fail: `raise` an exception, `reject` the message (a dead letter), or `kill` the process that runs this."""
    if how == "reject":
        from celery.exceptions import Reject

        raise Reject("meant to be rejected", requeue=False)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise MeantToFail(f"meant to fail ({how})")
