"""A real RabbitMQ for the integration tests: one private node a file, a vhost of its own for each test that asks."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from app.broker import rights, topology
from app.contract import Contract
from loadtests.local.rabbitmq import RabbitMQNode
from loadtests.local.rabbitmq_files import ADMIN

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def rabbit(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Iterator[RabbitMQNode]:
    """A running private node with its management API, for the tests of one file. `rabbit.url(role)`.

    A test that stops or cripples it must have it running and unblocked again at its end.
    """
    with RabbitMQNode(tmp_path_factory.mktemp("rabbit"), contract, management=True) as node:
        yield node


class Vhost:
    """An empty vhost on the shared node, with the users, rights and policies of the stack's own."""

    def __init__(self, rabbit: RabbitMQNode, contract: Contract, name: str) -> None:
        self.rabbit, self.name = rabbit, name
        self._api(f"vhosts/{name}", {})
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        for user, allowed in ({ADMIN: everything} | rights.permissions(contract)).items():
            self._api(f"permissions/{name}/{user}", allowed)
        for policy in topology.policies(contract, rabbit.version):
            self._api(f"policies/{name}/{policy['name']}", {k: v for k, v in policy.items() if k != "name"})

    def url(self, role: str = ADMIN) -> str:
        """amqp://… of a role in this vhost."""
        return self.rabbit.url(role).rpartition("/")[0] + "/" + quote(self.name, safe="")

    def queues(self) -> dict[str, dict]:
        """Queue name → what the management API says of it."""
        answer = requests.get(f"{self._root}/queues/{self.name}", auth=self._auth, timeout=10)
        return {queue["name"]: queue for queue in answer.json()}

    @property
    def _root(self) -> str:
        return f"http://127.0.0.1:{self.rabbit.files.management_port}/api"

    @property
    def _auth(self) -> tuple[str, str]:
        return ADMIN, self.rabbit.files.passwords[ADMIN]

    def _api(self, path: str, body: dict) -> None:
        requests.put(f"{self._root}/{path}", json=body, auth=self._auth, timeout=30).raise_for_status()


@pytest.fixture
def vhost(rabbit: RabbitMQNode, contract: Contract) -> Iterator[Vhost]:
    """An empty vhost for one test. `vhost.url(role)`."""
    # Never deleted: RabbitMQ 3.10 that starts again after quorum queues were deleted may lose all its others.
    yield Vhost(rabbit, contract, f"test-{uuid.uuid4().hex[:8]}")


@pytest.fixture(scope="module")
def module_vhost(rabbit: RabbitMQNode, contract: Contract) -> Iterator[Vhost]:
    """An empty vhost for all tests of one file."""
    # Never deleted: RabbitMQ 3.10 that starts again after quorum queues were deleted may lose all its others.
    yield Vhost(rabbit, contract, f"test-{uuid.uuid4().hex[:8]}")


@pytest.fixture
def settings_env(vhost: Vhost, tmp_path: Path) -> dict[str, str]:
    """The environment for a process of the app (`python -m app …`) that uses `vhost`, as the role `worker`."""
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return keep | {
        "STACK_FILE": str(ROOT / "stack.yml"),
        "CELERY_BROKER_URL": vhost.url("worker"),
        "WARREN_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }
