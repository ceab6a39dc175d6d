"""One broker address, taken apart once and handed to each client library in the shape it wants."""

import re
import ssl
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote

import pika

from app.contract import Contract

# Milliseconds that what we sent may stay unacknowledged by the broker's kernel. A broker cut off by the network is left
# for another one then, and not after two missed heartbeats. (py-amqp, for Celery, has such a limit of its own.)
_DEAF_FOR = 5000
# The password may hold any character, even an unescaped @ or /: the last @ ends it. A vhost must be percent-encoded.
_URL = re.compile(
    r"(?P<scheme>amqps?)://(?:(?P<user>[^:@]*)(?::(?P<password>.*))?@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^/@?:\[\]\s]+)(?::(?P<port>\d+))?(?:/(?P<vhost>[^/?#]*|/))?(?:\?.*)?"
)


class AddressError(ValueError):
    """A broker address that cannot be used; the text says what to change and never holds the password."""


@dataclass(frozen=True)
class BrokerAddress:
    """Where the broker is. `hosts` are tried in turn: the nodes of one cluster share all else."""

    hosts: tuple[tuple[str, int], ...]
    user: str
    password: str
    vhost: str
    tls: bool = False
    ca_file: str | None = None
    source: str = ""

    def __repr__(self) -> str:
        return f"BrokerAddress({self.safe}, from {self.source})"

    @property
    def url(self) -> str:
        """With the password, for Celery: one URL a host, joined by `;`."""
        return self._urls(quote(self.password, safe=""))

    @property
    def safe(self) -> str:
        """The same for people and logs: without the password."""
        return self._urls("***")

    def _urls(self, password: str) -> str:
        scheme, vhost = "amqps" if self.tls else "amqp", quote(self.vhost, safe="")
        login = f"{quote(self.user, safe='')}:{password}"
        return ";".join(f"{scheme}://{login}@{_bracket(host)}:{port}/{vhost}" for host, port in self.hosts)

    def ssl_context(self) -> ssl.SSLContext | None:
        """Certificate and host name are checked, against `ca_file` or else the system's own authorities."""
        return ssl.create_default_context(cafile=self.ca_file) if self.tls else None

    def celery_ssl(self) -> dict[str, Any] | bool:
        """Celery's `broker_use_ssl`. py-amqp checks nothing unless it is told to. The name: `app.broker.transport`."""
        if not self.tls:
            return False
        ca = self.ca_file or ssl.get_default_verify_paths().cafile
        return {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": ca}

    def pika_parameters(self, contract: Contract, timeout: float = 5.0) -> list[pika.ConnectionParameters]:
        """For pika, a set of parameters for each host. `timeout`: seconds for each step of connecting."""
        context = self.ssl_context()
        return [
            pika.ConnectionParameters(
                host=host,
                port=port,
                virtual_host=self.vhost,
                credentials=pika.PlainCredentials(self.user, self.password),
                heartbeat=round(contract.broker.heartbeat),
                tcp_options={"TCP_USER_TIMEOUT": _DEAF_FOR},
                socket_timeout=timeout,
                stack_timeout=timeout,
                blocked_connection_timeout=timeout * 12,
                connection_attempts=1,
                ssl_options=pika.SSLOptions(context, host) if context else None,
            )
            for host, port in self.hosts
        ]


def parse_url(text: str, source: str, ca_file: str | None = None) -> BrokerAddress:
    """A BrokerAddress from `amqp[s]://user:password@host[:port]/vhost`, or several joined by `;`."""
    parts = [_parse_one(part.strip(), source) for part in re.split(r";(?=\s*amqps?://)", text.strip().rstrip(";"))]
    first = parts[0]
    if any(replace(part, hosts=first.hosts) != first for part in parts):
        raise AddressError(f"{source}: the addresses differ in more than host and port; one cluster has one login")
    return replace(first, hosts=tuple(host for part in parts for host in part.hosts), ca_file=ca_file)


def _parse_one(text: str, source: str) -> BrokerAddress:
    match = _URL.fullmatch(text)
    if not match or not (0 < int(match["port"] or 1) < 65536):
        scheme = text.split("://")[0] if "://" in text else "no scheme"
        raise AddressError(
            f"{source}: not a RabbitMQ address (it has {scheme}); write amqp://user:password@host:5672/vhost, or "
            "amqps:// for TLS, with odd characters in user, password and vhost percent-encoded"
        )
    tls = match["scheme"] == "amqps"
    return BrokerAddress(
        hosts=((match["host"].strip("[]"), int(match["port"] or (5671 if tls else 5672))),),
        user=unquote(match["user"] or "guest"),
        password=unquote(match["password"] or "guest"),
        vhost=unquote(match["vhost"] or "/"),
        tls=tls,
        source=source,
    )


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
