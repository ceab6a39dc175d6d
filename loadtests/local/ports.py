"""Free TCP ports on the loopback address."""

import random
import socket
import sys

import psutil

LOOPBACK = "127.0.0.1"
# Below the range that Linux and macOS take ports of outgoing connections from: a port chosen here stays free while its
# owner restarts, and no client of ours can sit on it by chance.
_RANGE = range(20_000, 32_000)
# What this process has chosen, for as long as it lives: its servers listen only a moment later.
_claims: dict[int, socket.socket] = {}


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen there now."""
    host = host.strip("[]")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As servers do: connections of a predecessor that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports(count: int) -> list[int]:
    """That many different ports on which nobody listens on 127.0.0.1, and which no other process has chosen here.

    Raises OSError when there are not so many.
    """
    found: list[int] = []
    for port in random.sample(_RANGE, len(_RANGE)):
        if is_free(port) and _claim(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports between {min(_RANGE)} and {max(_RANGE)} on {LOOPBACK}")


def _claim(port: int) -> bool:
    """Whether it is ours now. Linux only, where a name that no file has ends with its socket."""
    if port in _claims or sys.platform != "linux":
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0warren-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims[port] = claim
    return True


def listener(port: int) -> str:
    """Who listens there, as ` by NAME (pid N)`; empty when the system does not tell us."""
    try:
        for connection in psutil.net_connections("tcp"):
            local = connection.laddr
            if connection.status == psutil.CONN_LISTEN and connection.pid and local and local.port == port:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
