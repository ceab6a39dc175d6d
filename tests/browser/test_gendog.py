"""GenDog's page as a person uses it."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from ..dog_api import UNKNOWN, DogApi

expect.set_options(timeout=20_000)


def order(page: Page, breed: str, count: int) -> None:
    page.get_by_label("Breed").select_option(breed)
    page.get_by_label("How many").fill(str(count))
    page.get_by_role("button", name="Get pictures").click()


def pictures(page: Page) -> Any:
    return page.get_by_role("img", name="A dog of the breed")


def keep(page: Page, name: str) -> None:
    """A picture of the page for people to look at, when a folder for that is named."""
    if folder := os.environ.get("WARREN_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@pytest.fixture
def held(dog_api: DogApi) -> Any:
    """The dog API answers nothing until the test says so."""
    dog_api.hold.clear()
    yield dog_api
    dog_api.hold.set()


def test_pictures_come_by_themselves(page: Page, held: DogApi) -> None:
    expect(page.get_by_role("status")).to_have_text("No pictures yet. Pick a breed to begin.")
    keep(page, "empty")
    order(page, "pug", 3)
    expect(page.get_by_role("status")).to_have_text("Fetching pictures…")
    expect(pictures(page)).to_have_count(0)
    keep(page, "waiting")
    held.hold.set()
    expect(pictures(page)).to_have_count(3)
    expect(page.get_by_role("status")).to_have_text("3 pictures")
    # Drawn, not only named: the content security policy lets them through.
    assert page.evaluate("[...document.querySelectorAll('#gallery img')].every(i => i.complete && i.naturalWidth > 0)")
    keep(page, "pictures")


def test_more_pictures_come_first_and_survive_a_reload(page: Page) -> None:
    order(page, "pug", 2)
    expect(pictures(page)).to_have_count(2)
    order(page, "labrador", 1)
    expect(pictures(page)).to_have_count(3)
    expect(pictures(page).first).to_have_attribute("alt", "A dog of the breed labrador")
    page.reload()
    expect(pictures(page)).to_have_count(3)
    expect(page.get_by_label("Breed")).to_have_value("labrador")
    expect(page.get_by_label("How many")).to_have_value("1")


def test_clearing_takes_them_all_away(page: Page) -> None:
    order(page, "pug", 2)
    expect(pictures(page)).to_have_count(2)
    page.get_by_role("button", name="Clear pictures").click()
    expect(page.get_by_role("status")).to_have_text("No pictures yet. Pick a breed to begin.")
    expect(pictures(page)).to_have_count(0)


def test_another_browser_sees_only_its_own(page: Page, chromium: Any, stack: Any) -> None:
    order(page, "pug", 2)
    expect(pictures(page)).to_have_count(2)
    other = chromium.new_context(base_url=stack.url).new_page()
    other.goto("/")
    expect(pictures(other)).to_have_count(0)
    other.context.close()


def test_a_failure_is_said_in_words(page: Page) -> None:
    order(page, UNKNOWN, 2)
    expect(page.get_by_text(f"No pictures of {UNKNOWN}")).to_be_visible()
    expect(page.get_by_role("status")).to_have_text("No pictures yet. Pick a breed to begin.")
    keep(page, "failure")


def test_without_script_the_page_works_by_reloading(chromium: Any, stack: Any) -> None:
    context = chromium.new_context(base_url=stack.url, java_script_enabled=False)
    page = context.new_page()
    page.goto("/")
    with page.expect_navigation():  # a reload in the middle of it would go astray
        order(page, "kelpie", 2)
    for _ in range(40):
        page.reload()
        if pictures(page).count():
            break
        page.wait_for_timeout(250)
    expect(pictures(page)).to_have_count(2)
    context.close()


def test_everything_can_be_done_with_the_keyboard(page: Page) -> None:
    def focused(script: str) -> Any:
        return page.evaluate(f"document.activeElement.{script}")

    def visible_focus() -> bool:
        style = "getComputedStyle(document.activeElement).outlineStyle"
        return bool(page.evaluate(f"{style} !== 'none'"))

    page.keyboard.press("Tab")
    assert focused("textContent") == "Skip to the pictures"
    page.keyboard.press("Tab")
    assert (focused("id"), visible_focus()) == ("breed", True)
    page.keyboard.type("pug")
    page.keyboard.press("Tab")
    assert (focused("id"), visible_focus()) == ("limit", True)
    page.keyboard.press("Control+A")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    expect(pictures(page)).to_have_count(2)
    expect(pictures(page).first).to_have_attribute("alt", "A dog of the breed pug")
    seen = []
    for _ in range(7):  # skip link, breed, limit, get, clear, two pictures
        page.keyboard.press("Tab")
        seen.append(focused("tagName"))
        assert visible_focus()
    assert seen == ["A", "SELECT", "INPUT", "BUTTON", "BUTTON", "A", "A"]
    for _ in range(2):
        page.keyboard.press("Shift+Tab")
    assert focused("textContent") == "Clear pictures"
    page.keyboard.press("Space")
    expect(pictures(page)).to_have_count(0)


def test_it_fits_a_telephone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    order(page, "dalmatian", 2)
    expect(pictures(page)).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    keep(page, "telephone")
