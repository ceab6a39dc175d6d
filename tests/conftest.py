"""What every test may ask for. Fixtures that start something live in the folder of the tests that need it."""

import signal
from pathlib import Path

import pytest

from app.contract import Contract, load_contract

ROOT = Path(__file__).parent.parent


def pytest_configure() -> None:
    """A shell's background job, and all it starts, is born with Ctrl-C ignored: no test could interrupt anything."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract that the repository ships."""
    return load_contract(ROOT / "stack.yml")
