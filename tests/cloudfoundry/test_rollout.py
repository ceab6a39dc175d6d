"""A new release, on foundations that differ, and the one before when it fails."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from loadtests.cloudfoundry.client import Client
from loadtests.cloudfoundry.client.errors import ApiError, RolloutFailed
from loadtests.cloudfoundry.deployment import Deployment
from loadtests.cloudfoundry.restart import restart
from tests.cloudfoundry.fake import life
from tests.cloudfoundry.fake.api_apps import droplet
from tests.cloudfoundry.fake.server import Server
from tests.cloudfoundry.fake.state import Foundation

Start, Of = Callable[..., Server], Callable[..., Client]


@dataclass
class Running:
    """An app with three web instances and two workers, all of `first`; `second` is its next release."""

    server: Server
    cf: Client
    app: str
    first: str
    second: str

    @property
    def said(self) -> str:
        return "\n".join(self.cf.said)  # type: ignore[attr-defined]

    def releases(self) -> dict[str, list[str]]:
        """By type of process: which droplet each instance is of."""
        foundation = self.server.foundation
        return {
            each["type"]: [instance["droplet"] for instance in foundation.lives[each["guid"]]]
            for each in foundation.of("processes", app=self.app)
        }


@pytest.fixture
def running(foundation: Start, client: Of) -> Callable[..., Running]:
    def start(**what: str) -> Running:
        server = foundation(**what)
        cf = client(server)
        app = cf.apps.create(cf.here.guid, "shop").guid
        first, second = (droplet(server.foundation, app)["guid"] for _ in range(2))
        life.process(server.foundation, app, "worker")
        cf.staging.choose(app, first)
        for kind, instances in (("web", 3), ("worker", 2)):
            cf.processes.scale(cf.processes.get(app, kind).guid, instances=instances)
        cf.apps.start(app)
        cf.instances.wait(app)
        server.asked.clear()
        return Running(server, cf, app, first, second)

    return start


def _all_of(release: str) -> dict[str, list[str]]:
    return {"web": [release] * 3, "worker": [release] * 2}


def test_a_release_rolls_and_nothing_has_to_be_said(running: Callable[..., Running]) -> None:
    r = running()
    deployment = r.cf.rollout.release(r.app, r.second, at_a_time=2)
    assert deployment and deployment.strategy == "rolling"
    assert r.releases() == _all_of(r.second) and r.said == ""
    assert [each.state for each in r.cf.processes.stats(r.cf.processes.get(r.app, "web").guid)] == ["RUNNING"] * 3
    assert [each.version for each in r.cf.apps.revisions(r.app)] == [1]


def test_a_foundation_without_options_is_asked_without_them(running: Callable[..., Running]) -> None:
    r = running(kind="old")
    deployment = r.cf.rollout.release(r.app, r.second)
    assert deployment and deployment.strategy == "rolling"
    assert r.releases() == _all_of(r.second)
    assert r.said == "this foundation does not know options: it replaces as many instances at a time as it likes"


def test_a_foundation_without_strategies_rolls_in_its_own_way_and_is_watched(running: Callable[..., Running]) -> None:
    """It calls the deployment finished while it still replaces instances, and does not tell them apart."""
    r = running(kind="korifi")
    deployment = r.cf.rollout.release(r.app, r.second)
    assert deployment and deployment.strategy is None
    assert r.releases() == _all_of(r.second)
    assert "does not know options" in r.said and "does not know strategy" in r.said
    assert r.server.times("POST", "/v3/deployments") == 3


def test_instances_that_have_run_for_long_are_not_taken_for_new_ones(running: Callable[..., Running]) -> None:
    """Between two of its steps such a foundation shows all instances running, for longer than we would look on."""
    r = running(kind="korifi")
    for instances in r.server.foundation.lives.values():
        for each in instances:
            each["since"] -= 3600
    r.server.foundation.roll_looks = 12
    r.cf.rollout.release(r.app, r.second)
    assert r.releases() == _all_of(r.second)


@pytest.mark.parametrize("kind", ["large", "korifi"])
def test_a_release_that_mends_a_crashing_one_is_not_blamed_for_it(running: Callable[..., Running], kind: str) -> None:
    r = running(kind=kind)
    r.server.foundation.crashing.add(r.first)
    for process in r.cf.processes.of_app(r.app):
        for _ in range(3):
            shown = r.cf.processes.stats(process.guid)
        assert {each.state for each in shown} == {"CRASHED"}
    r.server.foundation.roll_looks = 12  # longer than a crash is borne with
    r.cf.rollout.release(r.app, r.second)
    assert r.releases() == _all_of(r.second) and "crashed" not in r.said


def test_a_foundation_without_deployments_stops_and_starts_and_says_so(running: Callable[..., Running]) -> None:
    r = running(kind="bare")
    assert r.cf.rollout.release(r.app, r.second) is None
    assert r.releases() == _all_of(r.second)
    assert "stopped and started, with a gap" in r.said
    actions = [path.rpartition("/")[2] for _, path in r.server.asked if "/actions/" in path]
    assert actions == ["stop", "start"]


def test_a_droplet_that_is_not_there_stops_nothing(running: Callable[..., Running]) -> None:
    r = running()
    with pytest.raises(ApiError, match="Ensure the droplet exists"):
        r.cf.rollout.release(r.app, r.app)
    assert r.releases() == _all_of(r.first) and not [path for _, path in r.server.asked if "/actions/" in path]


def test_a_release_that_crashes_is_cancelled(running: Callable[..., Running]) -> None:
    r = running()
    r.server.foundation.crashing.add(r.second)
    r.server.foundation.log(r.app, "ImportError: no module named shop")
    with pytest.raises(RolloutFailed, match=r"web/0 crashed: the process ended") as failed:
        r.cf.rollout.release(r.app, r.second)
    assert "ImportError: no module named shop" in str(failed.value) and "release from before runs" in str(failed.value)
    assert failed.value.rolled_back and r.releases() == _all_of(r.first)
    assert r.server.times("POST", ".*/actions/cancel") == 1 and r.server.times("POST", "/v3/deployments") == 1
    current = r.cf.staging.current(r.app)
    assert current and current.guid == r.first


@pytest.mark.parametrize("kind", ["korifi", "bare"])
def test_where_nothing_can_be_cancelled_the_release_from_before_is_deployed_again(
    running: Callable[..., Running], kind: str
) -> None:
    r = running(kind=kind)
    r.server.foundation.crashing.add(r.second)
    with pytest.raises(RolloutFailed, match="crashed") as failed:
        r.cf.rollout.release(r.app, r.second)
    assert failed.value.rolled_back and r.releases() == _all_of(r.first)
    current = r.cf.staging.current(r.app)
    assert current and current.guid == r.first


def test_a_deployment_that_somebody_else_cancelled_has_failed(running: Callable[..., Running]) -> None:
    r = running()
    deployment = r.cf.rollout.deploy(r.app, r.second)
    assert deployment
    r.cf.transport.request("POST", f"/v3/deployments/{deployment.guid}/actions/cancel")
    with pytest.raises(RolloutFailed, match="the foundation ended it: CANCELED"):
        r.cf.rollout._follow(r.app, deployment, r.cf.instances.generation(r.app), None)


def test_a_first_release_that_crashes_has_nothing_to_go_back_to(foundation: Start, client: Of) -> None:
    server = foundation(kind="bare")
    cf = client(server)
    app = cf.apps.create(cf.here.guid, "shop").guid
    only = droplet(server.foundation, app)["guid"]
    server.foundation.crashing.add(only)
    with pytest.raises(RolloutFailed) as failed:
        cf.rollout.release(app, only)
    assert not failed.value.rolled_back


@pytest.mark.parametrize("kind", ["large", "korifi"])
def test_instances_are_restarted_a_few_at_a_time(running: Callable[..., Running], kind: str) -> None:
    r = running(kind=kind)

    def guids(foundation: Foundation) -> list[str]:
        return [instance["guid"] for life_ in foundation.lives.values() for instance in life_]

    before = guids(r.server.foundation)
    done = list(r.cf.rollout.restart_in_batches(r.app, at_a_time=2))
    assert done == [("web", 0), ("web", 1), ("web", 2), ("worker", 0), ("worker", 1)]
    assert not set(before) & set(guids(r.server.foundation))
    assert r.releases() == _all_of(r.first)


@pytest.mark.parametrize("kind", ["large", "korifi"])
def test_restarting_one_part_waits_for_that_part_alone(running: Callable[..., Running], kind: str) -> None:
    r = running(kind=kind)
    lives = r.server.foundation.lives
    for instances in lives.values():
        for each in instances:
            each["since"] -= 3600
    before = {process: [each["guid"] for each in found] for process, found in lives.items()}
    restart(Deployment(r.cf, r.app, "", ""), "worker")
    web, worker = (r.cf.processes.get(r.app, kind_).guid for kind_ in ("web", "worker"))
    assert [each["guid"] for each in lives[web]] == before[web]
    assert not {each["guid"] for each in lives[worker]} & set(before[worker])
