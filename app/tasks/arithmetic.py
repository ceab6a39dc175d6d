"""Adding: at once, and slowly enough to see that it happens in the background."""

import time

from celery import shared_task

LONG = 5.0  # seconds


@shared_task(name="add")
def add(x: float, y: float) -> float:
    """The sum of x and y."""
    return x + y


@shared_task(name="longtime_add", track_started=True)
def longtime_add(x: float, y: float) -> float:
    """The sum of x and y, five seconds later."""
    time.sleep(LONG)
    return x + y
