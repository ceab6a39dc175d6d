"""Off loopback the broker is spoken to over TLS, and a certificate that does not fit is refused."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pika
import pytest
import trustme

from app.broker import topology
from app.broker.message import TaskMessage
from app.broker.publisher import NotSent, Publisher
from app.broker.url import BrokerAddress, parse_url
from app.celery_app import create_app
from app.contract import Contract
from app.settings import Settings
from loadtests.local.ports import free_ports
from loadtests.local.rabbitmq import RabbitMQNode

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, contract: Contract) -> Iterator[BrokerAddress]:
    """The address of a broker that has a TLS listener with a certificate for `localhost`."""
    folder = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    node = RabbitMQNode(folder / "node", contract)
    (port,) = free_ports(1)
    (folder / "node/conf.d/tls.conf").write_text(
        f"listeners.ssl.1 = 127.0.0.1:{port}\n"
        f"ssl_options.cacertfile = {folder}/ca.pem\n"
        f"ssl_options.certfile = {folder}/server.pem\n"
        f"ssl_options.keyfile = {folder}/server.pem\n"
        "ssl_options.verify = verify_none\n"
    )
    with node:
        plain = parse_url(node.url("admin"), "test")
        yield replace(plain, hosts=(("localhost", port),), tls=True, ca_file=str(folder / "ca.pem"))


@pytest.mark.parametrize("nodes_down", [0, 1], ids=["one node", "the first of two nodes is down"])
def test_publishing_and_working_over_tls(
    tls: BrokerAddress, contract: Contract, tmp_path: Path, nodes_down: int
) -> None:
    """Each node's certificate holds that node's own name."""
    tls = replace(tls, hosts=(("127.0.0.2", free_ports(1)[0]),) * nodes_down + tls.hosts)
    publisher = Publisher(tls, contract)
    connection = pika.BlockingConnection(tls.pika_parameters(contract))
    channel = connection.channel()
    topology.declare(channel, contract)
    publisher.publish(TaskMessage("over-tls", "noop", "fast"), 5)
    publisher.close()
    environment = {
        **os.environ,
        "CELERY_BROKER_URL": tls.url,
        "WARREN_BROKER_CA": str(tls.ca_file),
        "WARREN_DATA_DIR": str(tmp_path),
        "STACK_FILE": str(ROOT / "stack.yml"),
    }
    worker = subprocess.Popen([sys.executable, "-m", "app", "worker", "fast"], env=environment, cwd=tmp_path)
    try:
        assert _emptied(channel, "fast")
    finally:
        worker.terminate()
        assert worker.wait(30) == 0
        connection.close()


@pytest.mark.parametrize(
    "wrong",
    [{"ca_file": None}, {"host": "127.0.0.1"}],
    ids=["an authority we do not know", "a name the certificate does not hold"],
)
def test_a_certificate_that_does_not_fit_is_refused(
    tls: BrokerAddress, contract: Contract, tmp_path: Path, wrong: dict[str, Any]
) -> None:
    host = wrong.get("host", tls.hosts[0][0])
    address = replace(tls, hosts=((host, tls.hosts[0][1]),), ca_file=wrong.get("ca_file", tls.ca_file))
    publisher = Publisher(address, contract)
    with pytest.raises(NotSent, match="certificate verify failed"):
        publisher.publish(TaskMessage("never", "noop", "fast"), 3)
    publisher.close()
    settings = Settings(warren_data_dir=tmp_path, _env_file=None)
    with (
        create_app(contract, settings, address).connection() as connection,
        pytest.raises(Exception, match="certificate verify failed"),
    ):
        connection.ensure_connection(max_retries=1, timeout=5)


def _emptied(channel: Any, queue: str) -> bool:
    """Whether a worker takes everything and acknowledges it within half a minute."""
    for _ in range(150):
        declared = channel.queue_declare(queue, passive=True).method
        if declared.message_count == 0 and declared.consumer_count == 1:
            return True
        time.sleep(0.2)
    return False
