"""A foundation that misbehaves, and releases that fail: a clear error or a success, never what no up can heal."""

from typing import Any

import pytest

from ..foundation.misbehaving import Proxy
from ..kubernetes.pulumi_stack import PulumiFailed


def test_an_up_that_fails_says_why_and_the_next_goes_on(site: Any, proxy: Proxy) -> None:
    droplet = site.droplet()
    site.config["environment"] = {"LATE": "1"}
    site.config["contract"] = {"pools": {"fast": {"prefetch": 32}}}
    proxy.failed_staging("StagerError: no room")
    with pytest.raises(PulumiFailed, match="StagerError: no room"):
        site.up()
    assert site.droplet() == droplet
    assert site.front().is_ready()
    # What creates something is not asked for twice.
    proxy.trouble("POST", "/v3/deployments", after=True)
    with pytest.raises(PulumiFailed, match="may have been done: look before you repeat it"):
        site.up()
    # All else is: whatever is late or lost, it comes to the same.
    proxy.trouble("GET", "/v3/apps", status=429, times=2, headers={"Retry-After": "1"})
    proxy.trouble("GET", "/v3/processes", status=502, times=2)
    proxy.trouble("PATCH", "/v3/processes", after=True)
    site.up()
    came = {(each.split()[0], each.split()[-1]) for each in proxy.came}
    assert {("GET", "429"), ("GET", "502"), ("PATCH", "502")} <= came
    assert site.variables()["LATE"] == "1"
    assert site.droplet() != droplet
    site.stack.run("preview", "--expect-no-changes")


def test_a_release_that_crashes_says_so_and_the_one_before_serves_on(site: Any) -> None:
    before = site.variables()
    with pytest.raises(PulumiFailed) as failure:
        site.up(environment={"PYTHONHOME": "/nowhere"})
    said = str(failure.value)
    assert "did not come up" in said and "crashed" in said, said
    assert "The release from before runs again" in said, said
    assert site.variables() == before
    site.ready()
    site.up("--expect-no-changes")
