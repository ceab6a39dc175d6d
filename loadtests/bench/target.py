"""The stack a bench runs against: one of its own on this machine, or any front end by its URL. See also hosts.py."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pika
import pika.exceptions

from app.contract import load_contract
from loadtests.analysis.manifest import broker_facts
from loadtests.bench.cpu import CpuSampler
from loadtests.clocks.watch import Ways
from loadtests.generator.front_end import FrontEnd, FrontEndError
from loadtests.hosts.inventory import Deployment
from loadtests.hosts.remote import Remote
from loadtests.kubernetes.kubectl import Kubectl
from loadtests.local.processes import StackOptions
from loadtests.local.stack import LocalStack

# What scenarios need of a stack that is only there to be measured: a download from its own front end.
ENVIRONMENT = {"WARREN_DOWNLOAD_PRIVATE": "true"}
# Seconds that running tasks get when a bench is over; the ledger is closed by then.
GRACE = 5.0

# Where the stacks are whose life is one command's.
STACKS = Path(".warren/bench")

Progress = Callable[[str], None]


class NoTarget(Exception):
    """There is no front end to send to; the text says what to do."""


@dataclass
class Target:
    """`sampler`: watches processors, writes into a phase's folder. `local`: the stack, when it is our own.

    `clocks`: how its machines are asked for the time; None: one machine, or no way but the front end.
    """

    url: str
    token: str
    facts: dict[str, Any]
    contract: dict[str, Any] | None = None
    ca: str = ""
    sampler: Callable[[Path], AbstractContextManager[Any]] | None = None
    local: LocalStack | None = None
    clocks: Ways | None = None
    notes: list[str] = field(default_factory=list)
    # The way to one that is not.
    hosts: tuple[Remote, Deployment] | None = None
    cluster: Kubectl | None = None


@contextmanager
def own_stack(
    stack_file: Path, directory: Path, progress: Progress, environment: Mapping[str, str] | None = None
) -> Iterator[Target]:
    """A local stack that lives as long as the context. Whatever ends it leaves nothing running.

    `environment`: more variables for every process of the app.
    """
    contract = load_contract(stack_file)
    options = StackOptions(stack_file, environment=ENVIRONMENT | dict(environment or {}))
    stack = LocalStack(directory, options, throwaway=True)
    stack.start(progress)
    try:
        yield Target(
            url=stack.url,
            token=stack.token or "",
            facts={"target": "local", "url": stack.url, "broker": ask_broker(stack.broker_url)},
            contract=contract.model_dump(mode="json", exclude_none=True),
            sampler=lambda folder: CpuSampler(
                folder, [(state.role, state.pid) for state in stack.processes() if state.pid]
            ),
            local=stack,
            notes=["generator, broker, front end and workers shared this machine's cores"],
        )
    finally:
        progress("taking the stack away")
        stack.stop(grace=GRACE)


def by_url(url: str, token: str, ca: str) -> Target:
    """A front end that runs already. Raises NoTarget when it cannot be used."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NoTarget(f"{url!r} is no URL of a front end; write https://host or http://host:port")
    front = FrontEnd(url, token, ca)
    notes = []
    try:
        front.get("/readyz")
    except FrontEndError as error:
        if error.status != 404:
            raise NoTarget(str(error)) from error
        notes.append("this front end has no /readyz: it is not Warren's, and only what it tells can be measured")
    return Target(url, token, {"target": "url", "url": url, "broker": None}, ca=ca, notes=notes)


def ask_broker(url: str) -> dict[str, str] | None:
    """Versions of RabbitMQ and Erlang; None when it does not say."""
    try:
        connection = pika.BlockingConnection(pika.URLParameters(url))
    except (pika.exceptions.AMQPError, OSError):
        return None
    try:
        return broker_facts(connection._impl.server_properties)
    finally:
        connection.close()
