"""`python -m app alive`: what probes in pods ask, and what processes write for it."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from app import service_manager
from app.__main__ import main


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "run/heartbeat"
    monkeypatch.setenv("WARREN_HEARTBEAT_FILE", str(path))
    return path


def exit_code(*options: str) -> int:
    return CliRunner().invoke(main, ["alive", *options]).exit_code


def test_nothing_written_is_not_alive(file: Path) -> None:
    assert exit_code() == 1


def test_waiting_for_the_broker_is_alive_and_not_ready(file: Path) -> None:
    service_manager.waiting(1)
    assert exit_code() == 0
    assert exit_code("--ready") == 1


def test_once_ready_a_lost_broker_changes_nothing(file: Path) -> None:
    service_manager.waiting(1)
    service_manager.ready("consuming")
    service_manager.alive()
    assert exit_code("--ready") == 0


def test_an_old_file_is_not_alive_until_it_is_touched(file: Path) -> None:
    service_manager.ready("consuming")
    os.utime(file, (1, 1))
    assert exit_code() == exit_code("--ready") == 1
    service_manager.alive()
    assert exit_code("--ready") == 0
