"""The Celery app: every setting that keeps tasks safe, made from stack.yml, the environment and the broker's address.

Tools that take a module find it here too: `celery -A app.celery_app inspect ping`.
"""

import logging
import os
from functools import cache
from typing import Any

from celery import Celery
from kombu import Exchange, Queue

from app.beat_schedule import schedule
from app.broker import names, topology, transport
from app.broker.address import resolve_broker
from app.broker.url import BrokerAddress
from app.contract import Contract, load_contract
from app.results import BACKENDS, result_settings
from app.settings import Settings

log = logging.getLogger(__name__)

TASK_MODULES = ("app.tasks.arithmetic", "app.tasks.dogs", "app.tasks.downloads", "app.tasks.load")
# Seconds to connect.
CONNECT_TIMEOUT = 4.0
# Seconds for one answer of the broker.
READ_TIMEOUT = 5
# A publish that fails is tried again this often, within about half a second, before the caller is told.
PUBLISH_RETRIES = {"max_retries": 2, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 0.3}


def create_app(contract: Contract, settings: Settings, address: BrokerAddress) -> Celery:
    """A Celery app for this stack. Nothing is connected yet."""
    transport.install()
    if settings.warren_unsafe:
        log.warning(
            "WARREN_UNSAFE=%s: tasks can get lost; only for measuring", ",".join(sorted(settings.warren_unsafe))
        )
    app = Celery(
        "warren", task_cls="app.worker.request:Task", control="app.remote_control:Control", set_as_current=True
    )
    app.conf.update(
        _broker(contract, address, confirms="no-confirms" not in settings.warren_unsafe)
        | _queues(contract)
        | _tasks(acks_late="early-ack" not in settings.warren_unsafe)
        | _worker(contract)
        | result_settings(contract, settings)
    )
    app.loader.override_backends = BACKENDS
    app.conf.include = TASK_MODULES
    app.conf.beat_schedule = schedule(contract)
    app.conf.beat_schedule_filename = str(settings.warren_data_dir / "beat-schedule")
    return app


@cache
def current() -> Celery:
    """This process's app. Raises ContractError, SettingsError or AddressError with what to change."""
    settings = Settings.load()
    return create_app(load_contract(settings.stack_file), settings, resolve_broker(os.environ))


def __getattr__(name: str) -> Any:
    # `celery -A app.celery_app` asks for `app`; importing this module alone must not need a broker.
    if name == "app":
        return current()
    raise AttributeError(name)


def _broker(contract: Contract, address: BrokerAddress, confirms: bool) -> dict[str, Any]:
    return {
        "broker_url": address.url,
        "broker_use_ssl": address.celery_ssl(),
        "broker_heartbeat": round(contract.broker.heartbeat),
        "broker_heartbeat_checkrate": 2,
        "broker_connection_timeout": CONNECT_TIMEOUT,
        # A worker outlives a broker's outage, however long; restarting it would help nobody.
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A queue whose leader is not up yet answers with an error on the channel.
        "broker_channel_error_retry": True,
        # Without confirms a message that the broker never stored counts as sent. The read timeout bounds the waits that
        # Celery leaves open, for a confirm or for the end of a channel: a broker that blocks publishers reads nothing
        # from them any more.
        "broker_transport_options": {"confirm_publish": confirms, "read_timeout": READ_TIMEOUT},
        "task_publish_retry": True,
        "task_publish_retry_policy": PUBLISH_RETRIES,
        # Celery takes the delay queues to be quorum whatever the others are.
        "broker_native_delayed_delivery_queue_type": contract.broker.queue_type,
        # RabbitMQ 4.3 refuses queues that are neither durable nor exclusive. For a worker's own: `app.remote_control`.
        "control_queue_durable": False,
        "control_queue_exclusive": True,
        "event_queue_durable": False,
        "event_queue_exclusive": True,
    }


def _queues(contract: Contract) -> dict[str, Any]:
    # Topic: Celery's delayed delivery, which quorum queues need for a countdown, cannot return to a direct exchange.
    exchange = Exchange(names.TASKS, type="topic", durable=True)
    arguments = topology.queue_arguments(contract)
    return {
        "task_queues": [Queue(name, exchange, name, queue_arguments=arguments) for name in contract.queues],
        "task_routes": {task: {"queue": queue} for task, queue in contract.routes.items()},
        "task_default_queue": contract.default_queue,
        "task_default_exchange": names.TASKS,
        "task_default_exchange_type": "topic",
        "task_default_routing_key": contract.default_queue,
        "task_default_queue_type": contract.broker.queue_type,
        # A misspelt queue is an error, not a new classic queue that nobody reads.
        "task_create_missing_queues": False,
    }


def _tasks(acks_late: bool) -> dict[str, Any]:
    return {
        "accept_content": ["json"],
        "result_accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "event_serializer": "json",
        # A message is acknowledged when its task is done, and goes back when the process that ran it died.
        "task_acks_late": acks_late,
        "task_reject_on_worker_lost": True,
        "enable_utc": True,
    }


def _worker(contract: Contract) -> dict[str, Any]:
    return {
        "worker_consumer": "app.worker.consumer:Consumer",
        "worker_eta_task_limit": contract.eta_limit,
        # A message that comes again although its result is stored was done: only its acknowledgement got lost.
        "worker_deduplicate_successful_tasks": True,
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_enable_prefetch_count_reduction": False,
        "worker_proc_alive_timeout": 10.0,
        "worker_send_task_events": False,
        "worker_redirect_stdouts_level": "INFO",
    }
