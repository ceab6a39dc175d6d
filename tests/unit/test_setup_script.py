"""scripts/setup: says what is missing where there is no usable Python. That it works is seen at each `make test`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("bash", "dirname", "cat", "cksum", "cut", "rm")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that the script reads, without a .venv, and a `bin` to be its PATH."""
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/setup", tmp_path / "scripts/setup")
    for name in (
        "requirements-uv.txt",
        "requirements-bench.txt",
        "requirements-hosts.txt",
        "requirements-kubernetes.txt",
        "requirements-dev.txt",
        "pyproject.toml",
    ):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(str(shutil.which(tool)))
    return tmp_path


def setup(checkout: Path, python: str) -> subprocess.CompletedProcess[str]:
    """Run it where `python3` is this shell script."""
    (checkout / "bin/python3").write_text(f"#!/usr/bin/env bash\n{python}\n")
    (checkout / "bin/python3").chmod(0o755)
    environment = {"PATH": str(checkout / "bin"), "HOME": os.environ.get("HOME", "/")}
    command = [str(checkout / "scripts/setup"), "bench"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)


def test_an_old_python_is_refused_with_the_cure(checkout: Path) -> None:
    done = setup(checkout, "exit 1")
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_a_missing_venv_module_is_named(checkout: Path) -> None:
    done = setup(checkout, '[ "$1" != -m ]')
    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()
