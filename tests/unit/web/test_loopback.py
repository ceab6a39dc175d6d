"""Which addresses only this machine can reach: off them, a token is needed."""

import pytest

from app.web.auth import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "localhost.example.org", "", "127.1"])  # noqa: S104
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
