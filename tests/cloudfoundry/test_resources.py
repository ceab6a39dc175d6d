"""The rest of the API as it is used: services, jobs, routes, manifests, and fields that not every foundation knows."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loadtests.cloudfoundry.client import Client
from loadtests.cloudfoundry.client.errors import ApiError, JobFailed, TimedOut
from loadtests.cloudfoundry.client.pages import NotThere
from loadtests.cloudfoundry.client.staging import pack
from tests.cloudfoundry.fake.server import Server

Start, Of = Callable[..., Server], Callable[..., Client]


def test_a_plan_that_is_not_there_names_those_that_are(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    with pytest.raises(NotThere, match=r"no plan 'huge' of service 'rabbitmq'.*there are: dedicated, shared"):
        cf.services.plan("rabbitmq", "huge")
    with pytest.raises(NotThere, match=r"no service 'kafka' in the marketplace.*cf marketplace"):
        cf.services.plan("kafka", "huge")
    assert cf.services.offering("rabbitmq").tags == ["rabbitmq", "amqp"]


def test_jobs_are_waited_for_and_their_warnings_told(foundation: Start, client: Of) -> None:
    server = foundation(job_looks=4)
    cf = client(server)
    cf.spaces.apply_manifest(cf.here.guid, {"applications": [{"name": "shop"}]})
    assert server.times("GET", "/v3/jobs/.*") == 4
    assert any("the buildpack is deprecated" in each for each in cf.said)  # type: ignore[attr-defined]


def test_a_job_that_fails_says_the_brokers_own_reason(foundation: Start, client: Of) -> None:
    cf = client(foundation(job_error="The service broker could not be reached: https://broker.test/v2"))
    plan = cf.services.plan("rabbitmq", "shared").guid
    with pytest.raises(JobFailed, match=r"service_instance.create failed: The service broker could not be .*10001"):
        cf.services.create(cf.here.guid, "rabbit", plan)


def test_a_job_is_not_waited_for_for_ever(foundation: Start, client: Of) -> None:
    cf = client(foundation(job_looks=10_000))
    plan = cf.services.plan("rabbitmq", "shared").guid
    with pytest.raises(TimedOut, match=r"POST /v3/service_instances: not done within 0 s; the foundation may still"):
        cf.services.create(cf.here.guid, "rabbit", plan, within=0.3)


def test_a_name_that_is_taken_says_so_with_what_to_do(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    space = cf.here.guid
    cf.services.create_user_provided(space, "rabbit", {"uri": "amqp://broker.test"}, ["amqp"])
    with pytest.raises(ApiError, match=r"name is taken: rabbit.*\nChoose another name or address, or adopt"):
        cf.services.create_user_provided(space, "rabbit", {})
    domain = cf.routes.domain("apps.test").guid
    cf.routes.create(space, domain, "shop")
    with pytest.raises(ApiError, match=r"Route already exists.*\nChoose another"):
        cf.routes.create(space, domain, "shop")


def test_a_full_quota_says_so_with_what_to_do(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    web = cf.processes.get(cf.apps.create(cf.here.guid, "shop").guid, "web").guid
    with pytest.raises(ApiError, match=r"memory quota_exceeded.*\nA quota is full: free something"):
        cf.processes.scale(web, memory_in_mb=100_000)


def test_services_come_and_go(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    space = cf.here.guid
    instance = cf.services.create(space, "rabbit", cf.services.plan("rabbitmq", "shared").guid, {"a": 1}, ["amqp"])
    app = cf.apps.create(space, "shop").guid
    binding = cf.services.bind(app, instance.guid)
    key = cf.services.key(instance.guid, "for-me")
    assert cf.services.credentials(key.guid)["uri"] == "amqp://user:secret@broker.test/rabbit"
    assert [each.guid for each in cf.services.bindings(app=app)] == [binding.guid]
    with pytest.raises(ApiError, match="delete the bindings"):
        cf.services.delete(instance.guid)
    assert cf.services.unbind(binding.guid) and cf.services.unbind(key.guid)
    assert not cf.services.unbind(binding.guid)
    assert cf.services.delete(instance.guid) and not cf.services.delete(instance.guid)
    assert cf.services.instance(space, "rabbit") is None


def test_routes_lead_to_processes_and_can_be_unset(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    space, app = cf.here.guid, cf.apps.create(cf.here.guid, "shop").guid
    domain = cf.routes.default_domain(cf.spaces.organization("org").guid)
    assert domain.name == "apps.test"  # not the internal one
    route = cf.routes.create(space, domain.guid, "shop", "/tasks")
    found = cf.routes.find(domain.guid, "shop", "/tasks")
    assert found and found.guid == route.guid and cf.routes.find(domain.guid, "shop") is None
    for _ in range(2):
        cf.routes.lead(route.guid, app)
    (destination,) = cf.routes.destinations(route.guid)
    assert (destination.app_guid, destination.process_type) == (app, "web")
    assert destination.guid and cf.routes.lead_no_more(route.guid, destination.guid)
    assert cf.routes.destinations(route.guid) == [] and cf.routes.delete(route.guid)


def test_a_manifest_that_would_change_something_says_what(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    space = cf.here.guid
    cf.apps.create(space, "shop")
    assert cf.spaces.manifest_diff(space, {"applications": [{"name": "shop", "instances": 1}]}) == []
    (change,) = cf.spaces.manifest_diff(space, {"applications": [{"name": "shop", "instances": 3}]})
    assert (change.path, change.was, change.value) == ("/applications/0/instances", 1, 3)
    with pytest.raises(ApiError, match="Service instance 'none' not found"):
        cf.spaces.apply_manifest(space, {"applications": [{"name": "shop", "services": ["none"]}]})


READY = {"type": "http", "data": {"endpoint": "/readyz"}}


def test_readiness_checks_are_set_where_they_are_known(foundation: Start, client: Of) -> None:
    cf = client(foundation())
    web = cf.processes.get(cf.apps.create(cf.here.guid, "shop").guid, "web").guid
    assert cf.processes.update(web, {"readiness_health_check": READY}).readiness_health_check == READY
    assert cf.said == []  # type: ignore[attr-defined]


def test_readiness_checks_are_left_out_where_they_are_not_and_the_rest_is_set(foundation: Start, client: Of) -> None:
    server = foundation(kind="korifi")
    cf = client(server)
    web = cf.processes.get(cf.apps.create(cf.here.guid, "shop").guid, "web").guid
    process = cf.processes.update(web, {"command": "python -m app web", "readiness_health_check": READY})
    assert process.command == "python -m app web" and process.readiness_health_check is None
    (said,) = cf.said  # type: ignore[attr-defined]
    assert said == "this foundation does not know readiness_health_check: " + (
        "an instance that is busy or cut off still gets requests"
    )
    assert not cf.apps.set_feature(cf.apps.every(cf.here.guid)[0].guid, "ssh", False)
    assert cf.apps.revisions(cf.apps.every(cf.here.guid)[0].guid) == []


def test_a_value_that_is_wrong_is_never_left_out(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    web = cf.processes.get(cf.apps.create(cf.here.guid, "shop").guid, "web").guid
    wrong = '{"errors": [{"detail": "Readiness health check type must be one of port, process, http", "code": 10008}]}'
    server.trouble("PATCH", "^/v3/processes", status=422, body=wrong)
    with pytest.raises(ApiError, match="must be one of"):
        cf.processes.update(web, {"readiness_health_check": READY})
    assert server.times("PATCH", "/v3/processes/.*") == 1


def test_who_may_not_is_told_which_role_it_takes(foundation: Start, client: Of) -> None:
    server = foundation()
    cf = client(server)
    refusal = (
        '{"errors": [{"detail": "You are not authorized to perform the requested action", "title": "CF-NotAuthorized",'
        ' "code": 10003}]}'
    )
    server.trouble("POST", "^/v3/apps", status=403, body=refusal)
    with pytest.raises(ApiError, match=r"not authorized .*10003\)\n.*SpaceDeveloper"):
        cf.apps.create(cf.here.guid, "shop")


def test_the_same_files_make_the_same_package(tmp_path: Path) -> None:
    for name in ("b.py", "a.py"):
        (tmp_path / name).write_text(name)
    first = pack(tmp_path, tmp_path.iterdir())
    os.utime(tmp_path / "a.py", (1, 1))
    assert pack(tmp_path, sorted(tmp_path.iterdir(), reverse=True)) == first
