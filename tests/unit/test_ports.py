"""Choosing ports: free ones only, never the same twice, and a taken one is named with its owner."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from loadtests.local import ports
from loadtests.local.ports import LOOPBACK, free_ports, is_free, listener


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which this very process listens."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_is_free_until_somebody_listens(taken: int) -> None:
    assert not is_free(taken)
    assert all(is_free(port) for port in free_ports(3))


def test_a_port_is_judged_on_the_host_that_is_meant() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with server:
        port = server.getsockname()[1]
        assert [is_free(port, host) for host in ("::1", "[::1]")] == [False, False]
    assert is_free(port, "::1") and is_free(port, "[::1]")


def test_free_ports_are_different_and_outside_the_range_of_outgoing_connections() -> None:
    found = free_ports(50)
    assert len(set(found)) == 50
    assert all(20_000 <= port < 32_000 for port in found)


def test_taken_ports_are_passed_over(monkeypatch: pytest.MonkeyPatch, taken: int) -> None:
    free = free_ports(1)[0]
    monkeypatch.setattr(ports, "_RANGE", [taken, free])
    assert [free_ports(1) for _ in range(5)] == [[free]] * 5
    with pytest.raises(OSError, match="no 2 free ports"):
        monkeypatch.setattr(ports, "_RANGE", range(taken, taken + 1))
        free_ports(2)


def test_the_listener_is_named(taken: int) -> None:
    assert f"(pid {os.getpid()})" in listener(taken)
    assert listener(free_ports(1)[0]) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="claims are made on Linux only")
def test_two_processes_do_not_choose_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their servers listen only later, so that both would find it free."""
    (port,) = free_ports(1)
    code = f"from loadtests.local import ports; ports._RANGE = range({port}, {port + 1}); print(ports.free_ports(1))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1 and "no 1 free ports" in done.stderr
