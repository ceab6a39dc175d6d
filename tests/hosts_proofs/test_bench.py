"""`warren bench --target hosts` on the lab. All its hosts have this machine's clock, so the truth is known."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from loadtests.analysis import clocks, manifest
from loadtests.analysis.analyse import Asked, analyse
from loadtests.analysis.clocks import FRONT_END, Clock

from .conftest import INVENTORY, LIMIT, ROOT


def test_the_report_names_each_hosts_clock_with_a_bound_that_holds(site: Any, tmp_path: Path) -> None:
    options = ["--target", "hosts", "--inventory", INVENTORY, "--rate", "50", "--seconds", "4", "--no-open"]
    command = [str(Path(sys.executable).with_name("warren")), "bench", *options, "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT)
    (run,) = tmp_path.iterdir()
    result = json.loads((run / "result.json").read_text())
    assert result["ledger"]["balanced"], done.stdout
    found = [Clock.model_validate(each) for each in result["clocks"]]
    assert {each.machine for each in found} == set(site.hosts)
    assert all(each.same and each.before and each.after and not each.unread for each in found)
    assert_true(found)
    assert {each.machine: each.stamps for each in found if each.stamps} == {
        "web1": ["web"],
        "worker1": ["worker"],
        "worker2": ["worker"],
    }
    page = (run / "report.html").read_text()
    assert "<h2>Clocks</h2>" in page and "the same clock; read as a check" in page

    # Who only has the front end's URL learns it from the records of the same run.
    manifest.write(run, {name: value for name, value in manifest.read(run).items() if name != clocks.MANIFEST})
    found = analyse(run, Asked()).clocks
    assert {each.machine for each in found} == {FRONT_END, "worker1", "worker2"}
    assert_true(found)


def assert_true(found: list[Clock]) -> None:
    for clock in found:
        for reading in clock.readings:
            assert abs(reading.offset) <= reading.bound, clock
