"""The rules of liveness, against a real socket for the broker and a real one for systemd."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.worker import liveness
from app.worker.liveness import Pulse


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "EVERY", 0.05)
    monkeypatch.setattr(liveness, "PROBE_EVERY", 0.05)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Accepts connections and says nothing, as a broker that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """systemd's end of the notify socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "notify"))
        server.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield server


def until(pulse: Pulse, has_problem: bool) -> str | None:
    for _ in range(400):
        if (pulse.problem() is not None) == has_problem:
            return pulse.problem()
        time.sleep(0.02)
    raise AssertionError(f"problem: {pulse.problem()}")


def test_connecting_in_vain_to_a_broker_that_is_there_is_a_problem(listener: socket.socket) -> None:
    pulse = Pulse([listener.getsockname()], None, stalled=60, hung=0.3)
    pulse.start()
    assert "reachable" in (until(pulse, True) or "")
    pulse.turn()
    assert pulse.problem() is None
    pulse.stop()


def test_a_broker_that_is_away_is_none_and_its_return_starts_the_clock_anew(listener: socket.socket) -> None:
    address = listener.getsockname()
    listener.close()
    pulse = Pulse([address], None, stalled=60, hung=0.3)
    pulse.start()
    time.sleep(0.6)
    assert pulse.problem() is None
    with socket.create_server(address):
        until(pulse, True)
    until(pulse, False)
    pulse.stop()


def test_a_loop_that_stands_still_is_a_problem_until_it_turns() -> None:
    pulse = Pulse([], None, stalled=0.2, hung=60)
    pulse.turn()
    assert pulse.problem() is None
    assert "stood still" in (until(pulse, True) or "")
    pulse.turn()
    assert pulse.problem() is None


def test_systemd_hears_ready_once_consuming_and_the_watchdog_only_while_alive(systemd: socket.socket) -> None:
    pulse = Pulse([], None, stalled=0.3, hung=60)
    pulse.start()
    before = [systemd.recv(200) for _ in range(4)]
    assert b"WATCHDOG=1" in before and not any(b"READY=1" in heard for heard in before)
    assert any(b"EXTEND_TIMEOUT_USEC" in heard for heard in before), "a start that waits for the broker must not fail"
    pulse.turn()
    heard = b""
    while b"READY=1" not in heard:
        heard = systemd.recv(200)
    until(pulse, True)
    systemd.settimeout(0.3)
    with pytest.raises(TimeoutError):
        while True:
            systemd.recv(200)
    pulse.stopping()
    assert b"STOPPING=1" in systemd.recv(200)
    pulse.stop()


def test_the_file_is_touched_while_alive_and_gone_after_a_stop(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "alive"
    pulse = Pulse([], file, stalled=0.2, hung=60)
    pulse.start()
    pulse.turn()
    until(pulse, True)
    time.sleep(0.2)
    touched = file.stat().st_mtime_ns
    time.sleep(0.3)
    assert file.stat().st_mtime_ns == touched
    pulse.turn()
    for _ in range(100):
        time.sleep(0.02)
        if file.stat().st_mtime_ns > touched:
            break
    assert file.stat().st_mtime_ns > touched
    pulse.stop()
    assert not file.exists()
