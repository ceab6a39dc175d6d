"""The stack's parts, each a Pulumi component that a program of one's own can import. See docs/kubernetes.md."""

from components.beat import Beat
from components.broker_builtin import BuiltinBroker
from components.broker_external import ExternalBroker
from components.broker_operator import OperatorBroker
from components.common import BrokerAccess, Common, ResultsAccess
from components.consumer import Consumer
from components.flower import Flower
from components.network import Network
from components.results import Results
from components.web import Web
from components.worker_pool import WorkerPool

__all__ = [
    "Beat",
    "BrokerAccess",
    "BuiltinBroker",
    "Common",
    "Consumer",
    "ExternalBroker",
    "Flower",
    "Network",
    "OperatorBroker",
    "Results",
    "ResultsAccess",
    "Web",
    "WorkerPool",
]
