"""HTTP out of tasks: every step bounded in time, and, for addresses that users give, none inside our own network.

The check is where the connection is made, on the very address that is then connected to. So a redirect to a private
address and a name that resolves differently the second time are caught alike.
"""

import ipaddress
import socket
from functools import cache
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import NewConnectionError

from app.settings import Settings

# Seconds to connect, and between two pieces of an answer.
TIMEOUT = (5.0, 20.0)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Refused(Exception):
    """The request can never be granted; asking again is of no use."""


class TryLater(Exception):
    """The other side did not answer or failed; asking again may help."""


@cache
def settings() -> Settings:
    """This process's settings, read once."""
    return Settings.load()


def session(private: bool) -> requests.Session:
    """A session; without `private`, one that connects to public addresses only."""
    made = requests.Session()
    if not private:
        # A proxy from the environment would connect for us, past the check.
        made.trust_env = False
        made.mount("http://", _PublicAdapter())
        made.mount("https://", _PublicAdapter())
    return made


def get(made: requests.Session, url: str, **options: Any) -> requests.Response:
    """GET that raises TryLater for what may pass (timeouts, connections, 5xx) and Refused for what will not."""
    try:
        response = made.get(url, timeout=TIMEOUT, **options)
    except (requests.ConnectionError, requests.Timeout) as error:
        if refused := _refusal(error):
            raise Refused(str(refused)) from error
        raise TryLater(f"no answer: {error}") from error
    except requests.RequestException as error:
        raise Refused(str(error)) from error
    if response.status_code >= 400:
        response.close()
        kind = TryLater if response.status_code >= 500 else Refused
        raise kind(f"{url} answered {response.status_code} {response.reason}")
    return response


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet's: not loopback, private, link-local or such, even in disguise."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


class _NotPublic(NewConnectionError):
    pass


class _PublicMixin:
    def _new_conn(self: Any) -> socket.socket:
        found = socket.getaddrinfo(self._dns_host, self.port, type=socket.SOCK_STREAM)
        addresses = [(str(entry[4][0]), self.port) for entry in found]
        for address in addresses:
            if not is_public(address[0]):
                raise _NotPublic(self, f"{self.host} is the private address {address[0]}; set WARREN_DOWNLOAD_PRIVATE")
        problem: OSError | None = None
        for address in addresses:
            try:
                return socket.create_connection(address, timeout=self.timeout)
            except OSError as error:
                problem = error
        raise NewConnectionError(self, f"cannot connect to {self.host}: {problem}")


class _PublicHTTPConnection(_PublicMixin, HTTPConnection):
    pass


class _PublicHTTPSConnection(_PublicMixin, HTTPSConnection):
    pass


class _PublicHTTPPool(HTTPConnectionPool):
    ConnectionCls = _PublicHTTPConnection


class _PublicHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _PublicHTTPSConnection


class _PublicAdapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicHTTPPool, "https": _PublicHTTPSPool}


def _refusal(error: BaseException | None) -> BaseException | None:
    """The refusal of a private address inside the errors that urllib3 and requests wrap it in."""
    while error is not None:
        if isinstance(error, _NotPublic):
            return error
        wrapped = getattr(error, "reason", None) or (error.args[0] if error.args else None)
        error = wrapped if isinstance(wrapped, BaseException) else error.__cause__
    return None
