"""A fake foundation for each test, judged by the published document when the test is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from loadtests.cloudfoundry.client import Client
from loadtests.cloudfoundry.client.auth import Auth, RefreshToken
from loadtests.cloudfoundry.client.patience import Patience
from tests.cloudfoundry.fake.api_uaa import REFRESH
from tests.cloudfoundry.fake.server import Server, serving
from tests.cloudfoundry.fake.state import Foundation

# As everywhere, in hundredths.
QUICK = Patience(
    connect=2,
    read=5,
    backoff=0.01,
    backoff_most=0.05,
    retry_after=5,
    poll=0.01,
    poll_most=0.02,
    start_answer=0.3,
    ready=5,
    crash=0.1,
    steady=0.02,
    steady_after_crash=0.1,
    settled=0.2,
)


@pytest.fixture
def foundation() -> Iterator[Callable[..., Server]]:
    """Start one: `foundation(kind="korifi")`. What the document has against any call fails the test."""
    servers: list[Server] = []
    with ExitStack() as stack:

        def start(**what: Any) -> Server:
            servers.append(stack.enter_context(serving(Foundation(**what))))
            return servers[-1]

        yield start
    assert [each for server in servers for each in server.complaints] == []


@pytest.fixture
def client() -> Callable[..., Client]:
    """A client of a server that remembers in `said` what it was told."""

    def of(server: Server, auth: Auth | None = None, **more: Any) -> Client:
        said: list[str] = []
        made = Client(
            server.foundation.url, auth or RefreshToken(REFRESH), patience=more.pop("patience", QUICK), say=said.append,
            organization="org", space="dev", **more,
        )  # fmt: skip
        made.said = said  # type: ignore[attr-defined]
        return made

    return of
