"""Takes docs/report.png from a run's report: `.venv/bin/python docs/screenshot.py results/<run>`. Needs Chromium."""

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

if __name__ == "__main__":
    report = Path(sys.argv[1]) / "report.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        page = browser.new_page(viewport={"width": 1180, "height": 1500}, color_scheme="light")
        page.goto(report.absolute().as_uri())
        page.wait_for_selector("svg, canvas")
        page.wait_for_timeout(1500)
        page.screenshot(path=Path(__file__).parent / "report.png")
        browser.close()
