"""Runs made by hand, for the analysis to read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ...made_run import MadeRun


@pytest.fixture
def made_run(tmp_path: Path) -> Callable[..., MadeRun]:
    """Makes a results folder; call `close()` on it before reading."""
    return lambda **options: MadeRun(tmp_path / "run", **options)
