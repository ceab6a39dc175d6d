"""Which addresses need no secret, as nobody else can reach them."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that host name or address; IPv6 with or without its brackets."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
