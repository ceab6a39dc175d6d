"""The report in a browser that reaches nothing: it draws everything, light and dark, from the one file."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Request

from loadtests.analysis import manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.result import Probe
from loadtests.report import page as report_page

from ..made_run import MadeRun


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run made by hand, with something in every picture; a task's name tries to break out."""
    made = MadeRun(tmp_path_factory.mktemp("report") / "run", warmup=2.0, task="</script><b>x</b>")
    made.tasks(1500)
    made.send("lost", 3.0)
    for second in range(15):
        made.generator(float(second), cpu=0.4)
        made.depth(float(second), messages=second)
    results = made.close()
    probes = [
        Probe(phase="search-1", offered=110.0, done=95.0, slope=15.0, verdict="overloaded", why="86% of what was due"),
        Probe(phase="search-2", offered=100.0, done=100.0, slope=0.0, verdict="sustained", why="all done"),
    ]
    found = analyse(results, Asked(made_by="bench", latency_phase="run", rate=100.0, limit=110.0, probes=probes))
    manifest.write(results, manifest.manifest({"version": 1}, {"target": "local", "broker": None}))
    return report_page.write(results, found)


@pytest.fixture
def shown(chromium: Any, report: Path) -> Iterator[tuple[Page, list[str], list[str]]]:
    """The open report, what it asked for beside itself, and what it complained of."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900}, offline=True)
    page = context.new_page()
    asked, complaints = list[str](), list[str]()

    def on_request(request: Request) -> None:
        if request.url != report.as_uri():
            asked.append(request.url)

    page.on("request", on_request)
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-drawn]")
    yield page, asked, complaints
    context.close()


def test_it_draws_every_picture_without_asking_anyone(shown: tuple[Page, list[str], list[str]]):
    page, asked, complaints = shown
    names = page.eval_on_selector_all(".chart", "all => all.map(each => each.dataset.spec)")
    assert {"breakdown", "percentiles", "rates", "depths", "heat", "probes", "cpu"} == set(names)
    for name in names:
        marks = page.eval_on_selector(f'.chart[data-spec="{name}"] svg', "svg => svg.querySelectorAll('path').length")
        assert marks > 3, f"{name} is empty"
    assert (asked, complaints) == ([], [])


def test_the_theme_changes_with_the_button_and_the_pictures_with_it(shown: tuple[Page, list[str], list[str]]):
    page, _, complaints = shown

    def colours() -> tuple[str, str]:
        paper = page.eval_on_selector("body", "body => getComputedStyle(body).backgroundColor")
        label = page.eval_on_selector(".chart svg .role-axis-label text", "text => text.getAttribute('fill')")
        return paper, label

    before = colours()
    page.click("#theme")
    page.wait_for_function(
        "before => document.querySelector('.chart svg .role-axis-label text')?.getAttribute('fill') !== before",
        arg=before[1],
    )
    after = colours()
    assert before[0] != after[0]
    assert before[1] != after[1]
    assert complaints == []


def test_it_tells_what_was_measured_and_what_is_missing(shown: tuple[Page, list[str], list[str]]):
    page, _, _ = shown
    text = page.inner_text("body")
    assert "</script><b>x</b>" in text  # as text: nothing broke out
    for expected in (
        "100 tasks/s",
        "ledger does not balance",
        "lost",
        "search-1",
        "1,501",
        "200 tasks of the first 2 s",
    ):
        assert expected in text


def test_the_file_names_nothing_to_load_from_elsewhere(report: Path):
    text = report.read_text()
    assert not re.search(r"""(?:src|href)=['"]?(?:https?:)?//""", text)
    assert not re.search(r"@import|url\(\s*['\"]?https?:", text)
    assert "default-src 'none'" in text
