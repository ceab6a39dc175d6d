"""Whether an app runs: starts, crashes, what is told of them."""

from collections.abc import Callable

import pytest

from loadtests.cloudfoundry.client import Client
from loadtests.cloudfoundry.client.errors import ApiError, Crashed, StagingFailed, TimedOut
from tests.cloudfoundry.fake.api_apps import droplet
from tests.cloudfoundry.fake.server import Server

Start, Of = Callable[..., Server], Callable[..., Client]


def _app(server: Server, cf: Client) -> tuple[str, str]:
    app = cf.apps.create(cf.here.guid, "shop").guid
    made = droplet(server.foundation, app)["guid"]
    cf.staging.choose(app, made)
    return app, made


def test_a_crashing_app_is_told_of_at_once_with_its_last_lines(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    app, made = _app(server, cf)
    server.foundation.crashing.add(made)
    for number in range(40):
        server.foundation.log(app, f"line {number}")
    server.foundation.log(app, "of another process", source="APP/PROC/WORKER")
    cf.apps.start(app)
    with pytest.raises(Crashed, match=r"web/0 crashed: the process ended with exit code 1\nIts last lines:\n") as crash:
        cf.instances.wait(app, 60)
    assert [line.text for line in crash.value.log] == [f"line {number}" for number in range(25, 40)]
    said = cf.said  # type: ignore[attr-defined]
    assert len([each for each in said if "web/0 crashed" in each and "waiting whether it comes back" in each]) == 1


def test_an_app_that_comes_back_after_a_crash_runs(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    app, made = _app(server, cf)
    server.foundation.crashing.add(made)
    cf.apps.start(app)
    watch = cf.instances.watch(app)
    while not watch.has_crashed:
        watch.look()
    server.foundation.crashing.clear()
    cf.instances.wait(app, watch=watch)
    assert watch.states == "web/0 RUNNING"


def test_no_log_is_no_reason_to_hide_a_crash(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    app, made = _app(server, cf)
    server.foundation.crashing.add(made)
    server.trouble("GET", "^/api/v1/read/", status=404, times=99)
    cf.apps.start(app)
    with pytest.raises(Crashed, match="cf logs APP --recent"):
        cf.instances.wait(app)


def test_a_slow_start_ends_with_what_was_seen_last(foundation: Start, client: Of) -> None:
    server = foundation(start_looks=10_000)
    cf = client(server)
    app, _ = _app(server, cf)
    cf.apps.start(app)
    with pytest.raises(TimedOut, match=r"starting instances: not done within .*: web/0 STARTING"):
        cf.instances.wait(app, 0.3)


def test_a_start_that_is_answered_late_does_not_keep_anybody(foundation: Start, client: Of) -> None:
    """As on Korifi, which answers when all instances run: they are watched meanwhile, and asked for once."""
    server = foundation(kind="korifi")
    cf = client(server)
    app, _ = _app(server, cf)
    server.trouble("POST", "/actions/start$", after=True, status=200, delay=1.0)
    cf.apps.start(app)
    cf.instances.wait(app)
    assert server.times("POST", ".*/actions/start") == 1


def test_an_app_without_a_droplet_cannot_be_started(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    app = cf.apps.create(cf.here.guid, "shop").guid
    with pytest.raises(ApiError, match="422: Assign a droplet before starting this app"):
        cf.apps.start(app)


def test_an_app_scaled_down_runs_when_the_others_are_gone(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    app, _ = _app(server, cf)
    web = cf.processes.get(app, "web").guid
    cf.processes.scale(web, instances=3)
    cf.apps.start(app)
    cf.instances.wait(app)
    cf.processes.scale(web, instances=1)
    cf.instances.wait(app)
    assert [each.index for each in cf.processes.stats(web)] == [0]
    cf.processes.scale(web, instances=0)
    cf.instances.wait(app)


def test_a_failed_staging_shows_its_own_log(foundation: Start, client: Of) -> None:
    server = foundation(
        staging_error="BuildpackCompileFailed - App staging failed in the buildpack compile phase",
        staging_log=["Collecting celery==99", "ERROR: No matching distribution found for celery==99"],
    )
    cf = client(server)
    app = cf.apps.create(cf.here.guid, "shop").guid
    server.foundation.log(app, "not of the staging")
    package = cf.staging.upload(app, b"zip")
    with pytest.raises(StagingFailed, match=r"BuildpackCompileFailed.*\nIts last lines:\n") as failed:
        cf.staging.build(app, package.guid)
    assert "No matching distribution found for celery==99" in str(failed.value)
    assert "not of the staging" not in str(failed.value)


def test_a_task_runs_to_its_end(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    app, _ = _app(server, cf)
    assert cf.apps.run_task(app, "python -m app check", "check").state == "SUCCEEDED"
