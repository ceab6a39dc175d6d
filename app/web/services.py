"""What the views work with: made once for each process."""

from dataclasses import dataclass, field
from threading import Event
from typing import cast

from celery import Celery
from flask import current_app

from app.broker.publisher import Publisher
from app.broker.url import BrokerAddress
from app.contract import Contract
from app.results import ResultStore
from app.settings import Settings
from app.web.limits import Waiters
from app.web.signatures import Signatures

EXTENSION = "warren"


@dataclass
class Services:
    """One process's connections and tables. `stopping` is set when the process has been told to stop."""

    settings: Settings
    contract: Contract
    address: BrokerAddress
    publisher: Publisher
    celery: Celery
    signatures: Signatures
    results: ResultStore
    waiters: Waiters
    stopping: Event = field(default_factory=Event)


def services() -> Services:
    """Those of the application that answers the present request."""
    return cast(Services, current_app.extensions[EXTENSION])
