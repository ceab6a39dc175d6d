"""The picture in the README is the one that stack.yml gives."""

import runpy
from pathlib import Path

from app.contract import load_contract

ROOT = Path(__file__).parents[2]


def test_the_committed_picture_is_the_present_stack() -> None:
    draw = runpy.run_path(str(ROOT / "docs" / "picture.py"))["draw"]
    drawn = draw(load_contract(ROOT / "stack.yml"))
    assert (ROOT / "docs" / "architecture.svg").read_text() == drawn, "stack.yml changed; run `make picture`"
