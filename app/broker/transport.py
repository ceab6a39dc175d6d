"""Celery's connection to a cluster over TLS: the certificate must hold the name of the node that is connected to.

kombu keeps the name of the first node for all others, so that failing over to another would fail.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, pyamqp


class Transport(pyamqp.SSLTransport):
    """kombu's, with the host name checked for each node of its own."""

    client: Any

    def establish_connection(self) -> Any:
        name = self.client.hostname
        self.client.ssl = {**self.client.ssl, "server_hostname": name}
        try:
            return super().establish_connection()
        finally:
            # kombu turns `localhost` into an address for good.
            self.client.hostname = name


def install() -> None:
    """Let kombu take this transport for every amqps:// address."""
    TRANSPORT_ALIASES["amqps"] = f"{__name__}:Transport"
