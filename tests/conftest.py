"""What every test may ask for. Fixtures that start something live in the folder of the tests that need it."""

from pathlib import Path

import pytest

from app.contract import Contract, load_contract

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def contract() -> Contract:
    """The contract that the repository ships."""
    return load_contract(ROOT / "stack.yml")
