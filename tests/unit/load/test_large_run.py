"""Long runs: what they come to is right, and they do not need a large machine."""

import re
import sys
from pathlib import Path

import pytest

from loadtests.analysis import result
from tests.large_run import DEAD, REFUSED, TWICE, UNKNOWN, WARMUP, make
from tests.peak import taken

ROOT = Path(__file__).parents[3]
TASKS, RATE = 200_000, 1000
# A million may take 1 GiB. A fifth of that, and what does not grow with the run, is less than half of it.
MOST = 2**29


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("large") / "run", TASKS, rate=RATE)


def test_a_long_run_is_accounted_for_within_its_memory(run: Path):
    report = taken([str(Path(sys.executable).with_name("warren")), "report", str(run)])
    assert report.code == 0, report.said
    assert report.peak <= MOST
    found = result.read(run)
    book = found.ledger
    dead, refused, unknown = TASKS // DEAD, TASKS // REFUSED, TASKS // UNKNOWN
    assert (book.sent, book.refused, book.unknown_fate.sent) == (TASKS, refused, unknown)
    assert (book.dead_lettered, book.finished) == (dead, TASKS - dead - refused - unknown)
    assert (book.balanced, book.duplicated, book.surplus) == (True, TASKS // TWICE, TASKS // TWICE)
    assert found.latency_run
    assert found.latency_run.cut == pytest.approx(WARMUP * RATE, abs=WARMUP * RATE / REFUSED + 2)
    # The wait is exponential with a mean of 10 ms, on top of 7.5 ms: see large_run.
    assert found.latency["scheduled_to_finished"].p99 == pytest.approx(0.0075 + 0.0461, rel=0.01)


def test_following_keeps_no_more_than_the_ids(run: Path):
    followed = taken([sys.executable, "-m", "tests.followed", str(run)], cwd=str(ROOT))
    told = re.search(r"of ([\d,]+) tasks, .* ([\d,]+) MiB", followed.said)
    assert told, followed.said
    tasks, grown = (int(each.replace(",", "")) for each in told.groups())
    assert tasks == TASKS - TASKS // DEAD - TASKS // REFUSED
    # An id and its place in a set are less than 200 bytes; a record would be more than a thousand.
    assert grown * 2**20 < 400 * tasks
