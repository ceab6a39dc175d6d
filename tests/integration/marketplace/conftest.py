"""One RabbitMQ with TLS everywhere, and two marketplace brokers before it, for all tests of this folder."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import trustme
import yaml

from app.contract import Contract
from app.marketplace.plans import SHIPPED
from loadtests.local.ports import free_ports
from loadtests.local.rabbitmq import RabbitMQNode

from .foundation import TINY, Foundation, marketplace, settings
from .management_proxy import ManagementProxy


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Iterator[SimpleNamespace]:
    """A RabbitMQ that serves AMQP and its management API with TLS, as on hosts. `api(path)`: a document."""
    node = RabbitMQNode(tmp_path_factory.mktemp("rabbit"), contract, management=True)
    folder = node.files.directory
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    amqps, https, dead = free_ports(3)
    lines = [f"listeners.ssl.1 = 127.0.0.1:{amqps}", "ssl_options.verify = verify_none"]
    lines += [f"management.ssl.ip = 127.0.0.1\nmanagement.ssl.port = {https}"]
    for listener in ("ssl_options", "management.ssl"):
        lines += [f"{listener}.{file} = {folder}/server.pem" for file in ("certfile", "keyfile")]
        lines += [f"{listener}.cacertfile = {folder}/ca.pem"]
    (folder / "conf.d/tls.conf").write_text("\n".join(lines) + "\n")
    with node:
        password = node.files.passwords["admin"]
        session = requests.Session()
        session.auth, session.trust_env = ("admin", password), False
        plain = f"http://127.0.0.1:{node.files.management_port}"

        yield SimpleNamespace(
            node=node,
            ca=str(folder / "ca.pem"),
            pem=str(folder / "server.pem"),
            password=password,
            plain=plain,
            https=f"https://localhost:{https}",
            # The first of two nodes is always away, but applications see it last.
            api_addresses=f"https://localhost:{dead} https://localhost:{https}",
            amqp_addresses=f"amqps://localhost:{amqps} amqps://127.0.0.2:{dead}",
            api=lambda path: session.get(f"{plain}/api/{path}", timeout=10).json(),
            names=lambda kind: {each["name"] for each in session.get(f"{plain}/api/{kind}", timeout=10).json()},
        )


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the marketplace broker itself: its secrets, its log."""
    return tmp_path_factory.mktemp("marketplace")


@pytest.fixture(scope="session")
def foundation(broker: SimpleNamespace, folder: Path) -> Iterator[Foundation]:
    """A foundation with the marketplace broker registered: HTTPS on both sides, and a plan of our own besides."""
    offering = yaml.safe_load(SHIPPED.read_text())
    offering["plans"].append({"id": TINY, "name": "tiny", "description": "-", "max_connections": 1, "max_queues": 2})
    (folder / "plans.yml").write_text(yaml.safe_dump(offering))
    env = settings(folder, broker.api_addresses, broker.password, broker.amqp_addresses)
    env |= {"WARREN_MARKETPLACE_CA": broker.ca, "WARREN_MARKETPLACE_PLANS": str(folder / "plans.yml")}
    env |= {f"WARREN_MARKETPLACE_TLS_{part}": broker.pem for part in ("CERT", "KEY")}
    with marketplace(folder, env) as url:
        yield Foundation(url, verify=broker.ca)


@pytest.fixture(scope="session")
def proxy(broker: SimpleNamespace) -> Iterator[ManagementProxy]:
    proxy = ManagementProxy(broker.plain)
    yield proxy
    proxy.close()


@pytest.fixture(scope="session")
def second(broker: SimpleNamespace, folder: Path, proxy: ManagementProxy) -> Iterator[Foundation]:
    """Another process beside the first, with the shipped plans; whatever can wait is answered "in progress"."""
    env = settings(folder, proxy.url, broker.password, broker.amqp_addresses)
    env |= {"WARREN_MARKETPLACE_CA": broker.ca, "WARREN_MARKETPLACE_PATIENCE": "0"}
    with marketplace(folder, env) as url:
        yield Foundation(url)
