"""A foundation that misbehaves, and releases that fail: a clear error or a success, never what no up can heal."""

from collections.abc import Iterator
from typing import Any

import pytest

from ..foundation.misbehaving import Proxy, misbehaving
from ..kubernetes.pulumi_stack import PulumiFailed


@pytest.fixture
def proxy(site: Any) -> Iterator[Proxy]:
    """Before the API, for as long as the test takes."""
    there = site.foundation.environment
    with misbehaving(there["CF_API"], there["CF_CA_FILE"]) as proxy:
        site.stack.environment["CF_API"] = proxy.url
        try:
            yield proxy
        finally:
            site.stack.environment["CF_API"] = there["CF_API"]


def healed(site: Any) -> None:
    """Of one `up` more, all is as configured."""
    site.up()
    site.ready()
    site.stack.run("preview", "--expect-no-changes")


def test_answers_that_are_late_or_lost_are_asked_for_again(site: Any, proxy: Proxy) -> None:
    proxy.trouble("GET", "/v3/apps", status=429, times=2, headers={"Retry-After": "1"})
    proxy.trouble("GET", "/v3/processes", status=502, times=2)
    proxy.trouble("PATCH", "/environment_variables", after=True)
    proxy.slow_jobs(5)
    site.config["environment"] = {"LATE": "1"}
    site.up()
    assert site.variables()["LATE"] == "1"
    came = {(each.split()[0], each.split()[-1]) for each in proxy.came}
    assert {("GET", "429"), ("GET", "502"), ("PATCH", "502")} <= came
    site.stack.run("preview", "--expect-no-changes")


def test_what_must_not_be_asked_for_twice_is_said(site: Any, proxy: Proxy) -> None:
    proxy.trouble("POST", "/v3/deployments", after=True)
    site.config["environment"] = {"LATE": "2"}
    with pytest.raises(PulumiFailed, match="may have been done: look before you repeat it"):
        site.up()
    healed(site)


def test_a_staging_that_fails_says_why_and_changes_nothing_that_runs(site: Any, proxy: Proxy) -> None:
    droplet = site.droplet()
    proxy.failed_staging("StagerError: no room")
    site.config["contract"] = {"pools": {"fast": {"prefetch": 32}}}
    with pytest.raises(PulumiFailed, match="StagerError: no room"):
        site.up()
    assert site.droplet() == droplet
    assert site.front().is_ready()
    healed(site)


def test_a_release_that_crashes_says_so_and_the_one_before_serves_on(site: Any) -> None:
    before = site.variables()
    with pytest.raises(PulumiFailed) as failure:
        site.up(environment={"PYTHONHOME": "/nowhere"})
    said = str(failure.value)
    assert "did not come up" in said and "crashed" in said, said
    assert "The release from before runs again" in said, said
    assert site.variables() == before
    site.ready()
    healed(site)
