"""The whole local stack, a stand-in for the dog API, and a headless Chromium that reaches nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from loadtests.local.processes import StackOptions
from loadtests.local.stack import LocalStack

from ..dog_api import DogApi

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 20_000  # milliseconds


@pytest.fixture(scope="session")
def dog_api() -> Iterator[DogApi]:
    """The stand-in."""
    api = DogApi()
    yield api
    api.stop()


@pytest.fixture(scope="session")
def stack(dog_api: DogApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """The local stack, its workers asking the stand-in for pictures."""
    options = StackOptions(stack_file=ROOT / "stack.yml", environment={"WARREN_DOG_API": dog_api.url})
    with LocalStack(tmp_path_factory.mktemp("browser") / "stack", options, throwaway=True) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A browser, once for all tests."""
    if not Path(CHROMIUM).exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; install it, or name another by CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Any, stack: LocalStack, dog_api: DogApi) -> Iterator[Page]:
    """A fresh browser session on GenDog's page. What it logs as an error, or asks of anyone else, fails the test."""
    context = chromium.new_context(base_url=stack.url, viewport={"width": 1200, "height": 800})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    troubles: list[str] = []
    ours = (stack.url, dog_api.origin)
    page.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(ours) else troubles.append(request.url))
    page.goto("/")
    yield page
    context.close()
    assert troubles == []
