"""`pulumi up` on Korifi: serving when it says so, unchanged by another one, and gone without a trace by `destroy`."""

import subprocess
import sys
from typing import Any

import pytest

from ..cluster.state import ROOT


def test_it_serves_and_a_second_up_changes_nothing(site: Any) -> None:
    assert site.front().get("/longtime_add?x=2&y=3").json() == 5
    site.stack.run("preview", "--expect-no-changes")
    site.up("--expect-no-changes")


def test_the_acceptance_suite(site: Any, say: Any) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "tests/acceptance", "--target", "cloudfoundry", "--app", site.name]
    done = subprocess.run(
        [*command, "--url", site.url],
        cwd=ROOT, env=site.stack.environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    say(done.stdout.strip().splitlines()[-1])


def test_warren_bench_writes_a_report(site: Any, say: Any) -> None:
    command = [str(ROOT / ".venv/bin/warren"), "bench", "--target", "cloudfoundry", "--app", site.name, "--short"]
    done = subprocess.run(
        [*command, "--url", site.url, "--results", str(site.folder / "results")],
        cwd=ROOT, env=site.stack.environment, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    (report,) = (site.folder / "results").glob("*/report.html")
    assert report.stat().st_size > 100_000, done.stdout + done.stderr
    say(done.stdout.strip().splitlines()[-1])


@pytest.mark.last
def test_destroy_leaves_what_was_there_before(site: Any, proxy: Any) -> None:
    """However long the foundation is at it."""
    proxy.slow_jobs(3)
    site.stack.run("destroy", "--yes")
    assert site.foundation.everything() == site.before
    assert site.foundation.vhosts() == {"/"}
    assert [each for each in proxy.came if "/v3/jobs/" in each]
