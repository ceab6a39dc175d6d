"""A Celery app of your own: `celery --app shop.tasks`, as Warren's role runs it."""

import os
import socket
import ssl
from pathlib import Path

from celery import Celery, signals
from celery.bootsteps import StartStopStep
from kombu import Exchange, Queue


def secret(variable: str) -> str:
    """systemd hands secrets over as files; the variable names the file."""
    return Path(os.environ[variable]).read_text(encoding="utf-8").strip()


def tell(message: str) -> None:
    """What systemd should know, by sd_notify(3)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram:
        if path := os.environ.get("NOTIFY_SOCKET"):
            datagram.sendto(message.encode(), path)


app = Celery("shop")
app.conf.broker_url = secret("CELERY_BROKER_URL_FILE")
if app.conf.broker_url.startswith("amqps"):
    # Only the broker whose certificate this authority signed. (A host name given here would be asked of every node.)
    app.conf.broker_use_ssl = {"ca_certs": os.environ["WARREN_BROKER_CA"], "cert_reqs": ssl.CERT_REQUIRED}
app.conf.update(
    # Names and exchange as in stack.yml, so that the broker's rights and policies fit.
    task_queues=[
        Queue(name, Exchange("tasks", type="topic"), name, queue_arguments={"x-queue-type": "quorum"})
        for name in ("fast", "io", "long")
    ],
    task_default_queue="fast",
    task_default_exchange="tasks",
    task_default_exchange_type="topic",
    task_default_routing_key="fast",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    broker_transport_options={"confirm_publish": True},
    broker_connection_retry_on_startup=True,
    control_queue_durable=True,
    control_queue_exclusive=False,
)


@app.task
def order(number: int) -> str:
    return f"order {number} is on its way"


@signals.worker_ready.connect
def ready(**_kwargs: object) -> None:
    tell("READY=1")


class Alive(StartStopStep):
    """Feeds the watchdog from the consumer's own loop: one that stands still is restarted."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: object) -> None:
        worker.timer.call_repeatedly(5, tell, ("WATCHDOG=1",))


app.steps["worker"].add(Alive)
