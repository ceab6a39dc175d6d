"""`pulumi up` by the real Pulumi against the fake foundation: what is made, changed, left alone and taken away."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from loadtests.cloudfoundry.client import Client
from tests.cloudfoundry.fake.api_uaa import REFRESH
from tests.cloudfoundry.fake.server import Server
from tests.cloudfoundry.fake.state import Foundation, Thing
from tests.cloudfoundry.pulumi_stack import Stack
from tests.kubernetes.pulumi_stack import PulumiFailed

Start, Of, Program = Callable[..., Server], Callable[..., Client], Callable[..., Stack]
CONFIG: dict[str, Any] = {
    "broker": {"offering": "rabbitmq", "plan": "shared"},
    "results": {"url": "redis://:not-a-secret@results.test:6379/0"},
}
OURS = ("apps", "routes", "service_instances", "service_credential_bindings")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The stack `production` on a fake foundation."""

    def on(server: Server, **config: Any) -> Stack:
        login = {"CF_API": server.foundation.url, "CF_REFRESH_TOKEN": REFRESH, "CF_ORG": "org", "CF_SPACE": "dev"}
        return Stack(tmp_path / "pulumi", "production", login, {**CONFIG, **config})

    return on


def counts(foundation: Foundation) -> dict[str, int]:
    return {kind: len(foundation.tables[kind]) for kind in OURS}


def app_of(foundation: Foundation, name: str = "warren") -> Thing:
    (app,) = [each for each in foundation.tables["apps"].values() if each["name"] == name]
    return app


def instances(foundation: Foundation) -> dict[str, int]:
    return {each["type"]: each["instances"] for each in foundation.of("processes", app=app_of(foundation)["guid"])}


@pytest.mark.parametrize("kind", ["large", "korifi"])
def test_from_nothing_to_a_stack_and_back(foundation: Start, client: Of, program: Program, kind: str) -> None:
    server = foundation(kind=kind)
    there = server.foundation
    cf = client(server)
    other = cf.apps.create(cf.here.guid, "somebodys")
    before = counts(there)
    stack = program(server, environment={"EXTRA": "1"})

    stack.run("up", "--yes")
    app = app_of(there)
    assert app["state"] == "STARTED"
    assert instances(there).keys() == {"web", "worker-fast", "worker-io", "worker-long", "beat", "consumer"}
    assert there.environment[app["guid"]]["EXTRA"] == "1"
    assert stack.outputs()["url"] == "https://warren.apps.test"
    state = "".join(file.read_text() for file in (stack.folder / "state").rglob("*.json"))
    assert there.environment[app["guid"]]["WARREN_TOKEN"] not in state

    asked = len(server.asked)
    stack.run("up", "--yes", "--expect-no-changes")
    changing = [(method, path) for method, path in server.asked[asked:] if method != "GET" and "oauth" not in path]
    assert not changing

    stack.run("destroy", "--yes")
    assert counts(there) == before
    assert [each["guid"] for each in there.tables["apps"].values()] == [other.guid]


def test_what_changes_is_changed_and_nothing_else(foundation: Start, program: Program) -> None:
    server = foundation()
    there = server.foundation
    stack = program(server, environment={"EXTRA": "1"})
    stack.run("up", "--yes")
    app, droplet = app_of(there)["guid"], there.current[app_of(there)["guid"]]

    # More workers: no new release, nobody else is restarted.
    stack.configure({**CONFIG, "environment": {"EXTRA": "1"}, "workers": {"io": {"instances": 3}}})
    asked = len(server.asked)
    stack.run("up", "--yes")
    assert instances(there)["worker-io"] == 3
    assert there.current[app] == droplet
    assert not [
        path for _, path in server.asked[asked:] if re.search("deployments|packages|actions/(stop|start)", path)
    ]

    # A setting that was taken out is gone, and the instances know.
    stack.configure({**CONFIG, "workers": {"io": {"instances": 3}}})
    asked = len(server.asked)
    stack.run("up", "--yes")
    assert "EXTRA" not in there.environment[app]
    assert ("POST", "/v3/deployments") in server.asked[asked:]
    assert instances(there)["worker-io"] == 3

    # What others changed is found, and put right.
    (process,) = [each for each in there.of("processes", app=app) if each["type"] == "worker-io"]
    process["instances"] = 1
    stack.run("refresh", "--yes")
    stack.run("up", "--yes")
    assert instances(there)["worker-io"] == 3


def test_what_is_not_ours_is_left_alone_and_named(foundation: Start, client: Of, program: Program) -> None:
    server = foundation()
    cf = client(server)
    cf.apps.create(cf.here.guid, "warren", environment_variables={"THEIRS": "1"})
    with pytest.raises(PulumiFailed, match=r"the app 'warren' exists and was not made by Warren.*warren:app"):
        program(server).run("up", "--yes")
    assert server.foundation.environment[app_of(server.foundation)["guid"]] == {"THEIRS": "1"}


def test_what_cannot_be_had_is_said_before_anything_is_made(foundation: Start, program: Program) -> None:
    server = foundation()
    before = counts(server.foundation)
    stack = program(server)
    for changes, said in (
        ({"broker": {"offering": "kafka", "plan": "shared"}}, "no service 'kafka' in the marketplace"),
        ({"broker": {"offering": "rabbitmq", "plan": "huge"}}, "there are: dedicated, shared"),
        ({"broker": {"service": "my-rabbit"}}, "there is no service instance 'my-rabbit'"),
        ({"workers": {"quick": {"instances": 2}}}, "stack.yml has no such pool"),
        ({"contract": {"stop": {"timeout": "10s"}}}, "timeout"),
    ):
        stack.configure({**CONFIG, **changes})
        with pytest.raises(PulumiFailed) as failure:
            stack.run("up", "--yes")
        assert said in str(failure.value) and "Traceback" not in str(failure.value), str(failure.value)
    assert counts(server.foundation) == before


def test_a_staging_that_fails_says_why_and_another_up_heals(foundation: Start, program: Program) -> None:
    server = foundation(staging_error="StagerError", staging_log=["ERROR: no matching distribution for celery"])
    stack = program(server)
    with pytest.raises(PulumiFailed, match="no matching distribution for celery"):
        stack.run("up", "--yes")
    server.foundation.staging_error = ""
    stack.run("up", "--yes")
    assert app_of(server.foundation)["state"] == "STARTED"
    assert counts(server.foundation)["apps"] == 1


def test_a_service_whose_making_was_left_unfinished_is_made_by_another_up(foundation: Start, program: Program) -> None:
    server = foundation()
    there, stack = server.foundation, program(server)
    # The foundation did it, and the answer was lost on the way.
    server.trouble("POST", "/v3/service_instances", after=True)
    with pytest.raises(PulumiFailed, match="may have been done"):
        stack.run("up", "--yes")
    (left,) = there.tables["service_instances"].values()
    # And meanwhile its broker gave up.
    left["last_operation"] |= {"state": "failed"}
    stack.run("up", "--yes")
    (made,) = there.tables["service_instances"].values()
    assert made["guid"] != left["guid"]
    assert app_of(there)["state"] == "STARTED"


def test_a_route_that_was_there_stays_when_the_stack_goes(foundation: Start, client: Of, program: Program) -> None:
    server = foundation()
    cf, there = client(server), server.foundation
    theirs = cf.routes.create(cf.here.guid, there.domain["guid"], "warren")
    stack = program(server)
    stack.run("up", "--yes")
    assert there.tables["routes"][theirs.guid]["destinations"]
    stack.run("destroy", "--yes")
    assert there.tables["routes"][theirs.guid]["destinations"] == []
    assert not there.tables["apps"]
