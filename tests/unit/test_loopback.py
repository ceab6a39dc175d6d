"""Which addresses only this machine can reach: off them, a token is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.loopback import is_loopback

STACK = Path(__file__).parents[2] / "stack.yml"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "[::1]", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "localhost.example.org", "", "127.1"])  # noqa: S104
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


def test_flower_needs_no_password_where_only_this_machine_reaches_it(tmp_path: Path) -> None:
    variables = {"PATH": os.environ["PATH"], "FLOWER_HOST": "[::1]", "STACK_FILE": str(STACK)}
    command = [sys.executable, "-m", "app", "flower"]
    said = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True).stderr
    assert "FLOWER_HOST" not in said
    assert "no broker address found" in said  # the next thing that it looks for
