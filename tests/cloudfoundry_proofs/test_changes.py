"""What changes while tasks run: more workers, a new release, an instance that goes. Nothing is lost."""

from pathlib import Path
from typing import Any

from ..front_end import wait_until
from ..under_load import Fault, Outcome, assert_nothing_lost, assert_recovered, told

# Tasks a second, and for how many seconds: a release takes its time here.
RATE, LENGTH, DRAIN = 20.0, 75.0, 60.0
REFUSED = "status IS NULL OR status NOT IN (200, 202)"


def proven(outcome: Outcome, say: Any) -> None:
    say(f"{told(outcome)}; refused or unanswered: {outcome.count(REFUSED)} requests")
    assert_nothing_lost(outcome)
    assert_recovered(outcome)


def test_more_workers_without_a_new_release(site: Any) -> None:
    droplet = site.droplet()
    site.up(workers={"fast": {"instances": 2}})
    assert [each.state for each in site.instances("worker-fast")] == ["RUNNING"] * 2
    assert site.droplet() == droplet


def test_a_worker_instance_that_is_ended_is_replaced(site: Any, tmp_path: Path, say: Any) -> None:
    fault = Fault([(2.0, lambda: site.end_instance("worker-fast"))])
    proven(fault.under_load(site.where, tmp_path, rate=RATE, length=15, drain=DRAIN), say)

    def back() -> bool:
        return all(each.state == "RUNNING" for each in site.instances("worker-fast"))

    wait_until(back, "the instance", 60)


def test_a_release_by_stack_yml_and_a_setting_taken_away(site: Any, tmp_path: Path, say: Any) -> None:
    droplet = site.droplet()
    assert site.variables()["EXTRA"] == "1"
    site.config["environment"] = {}
    site.config["contract"] = {"pools": {"fast": {"processes": 2}}}
    fault = Fault([(2.0, site.up)])
    proven(fault.under_load(site.where, tmp_path, rate=RATE, length=LENGTH, drain=DRAIN), say)
    assert site.droplet() != droplet
    assert "EXTRA" not in site.variables()
    assert [each.state for each in site.instances("worker-fast")] == ["RUNNING"] * 2
    site.stack.run("preview", "--expect-no-changes")
